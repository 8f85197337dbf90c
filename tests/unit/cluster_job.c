/* Which node goes to which rank, and which address to bind. */
#include "tests/unit/check.h"

#include "common/cluster/job.h"
#include "common/net/interface.h"

static void ranks_are_shared_out(void **state)
{
    (void)state;
    static const struct {
        uint32_t ranks, servers, workers; /* asked */
        uint32_t got_servers, got_workers;
        bool shared; /* the coordinator's rank is server 0's */
    } cases[] = {
        {1, 0, 0, 1, 1, true},  {1, 3, 4, 3, 4, true},   {1, 0, 5, 1, 5, true},  {1, 2, 0, 2, 1, true},
        {2, 0, 0, 1, 1, true},  {2, 1, 0, 1, 1, true},   {2, 0, 1, 1, 1, true},  {3, 0, 0, 1, 1, false},
        {4, 0, 0, 1, 2, false}, {5, 0, 0, 2, 2, false},  {6, 0, 0, 2, 3, false}, {7, 0, 0, 3, 3, false},
        {8, 0, 0, 3, 4, false}, {15, 0, 0, 6, 8, false}, {8, 3, 4, 3, 4, false}, {7, 3, 4, 3, 4, true},
        {8, 5, 2, 5, 2, false}, {8, 2, 0, 2, 5, false},  {8, 0, 2, 5, 2, false}, {5, 4, 0, 4, 1, true},
        {5, 0, 4, 1, 4, true},  {6, 4, 0, 4, 1, false},  {2, 1, 1, 1, 1, true},  {3, 1, 1, 1, 1, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_job layout;
        check_ok(cps_job_init(&layout, cases[i].ranks, cases[i].servers, cases[i].workers));
        check_int(layout.servers, cases[i].got_servers, "servers of case %zu", i);
        check_int(layout.workers, cases[i].got_workers, "workers of case %zu", i);
        check_int(layout.nodes, 1 + layout.servers + layout.workers, "nodes of case %zu", i);
        check_int(layout.node_rank[0], 0, "the coordinator's rank");
        check_int(layout.node_rank[1] == 0, cases[i].shared, "sharing in case %zu", i);
        for (uint32_t node = 1; node < layout.nodes; node++)
            assert_true(layout.node_rank[node] < cases[i].ranks);
        check_int(layout.node_rank[layout.nodes - 1], cases[i].ranks - 1, "the last node's rank");
        cps_job_release(&layout);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t ranks, servers, workers;
        const char *error, *hint;
    } cases[] = {
        {4, 3, 4, "3 servers, 4 workers and a coordinator do not fit on 4 ranks", "mpirun -n 8"},
        {9, 3, 4, "on 9 ranks", "mpirun -n 8"},
        {2, 2, 0, "2 servers, 1 worker and", "mpirun -n 4"},
        {2, 0, 2, "1 server, 2 workers and", "mpirun -n 4"},
        {4, 1, 1, "on 4 ranks", "mpirun -n 3"},
        {2, UINT32_MAX, 1, "more than", ""},
        {1, UINT32_MAX, UINT32_MAX, "more than", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_job layout;
        check_fails(cps_job_init(&layout, cases[i].ranks, cases[i].servers, cases[i].workers), CPS_ERR_USAGE,
                    cases[i].error);
        if (!strstr(cps_error_hint(), cases[i].hint))
            fail_msg("the hint '%s' does not say '%s'", cps_error_hint(), cases[i].hint);
    }
}

/* Of eight ranks on two hosts: 0 coordinates, 1 to 3 serve, 4 to 7 are workers. */
static void ranks_with_workers_are_counted_by_host(void **state)
{
    (void)state;
    static const struct {
        uint32_t ranks, servers, workers, host_of[8], rank, want;
    } cases[] = {
        {8, 3, 4, {0}, 0, 4}, {8, 3, 4, {0, 0, 0, 0, 0, 1, 1, 1}, 0, 1},
        {3, 1, 1, {0}, 2, 1}, {8, 3, 4, {0, 0, 0, 0, 0, 1, 1, 1}, 5, 3},
        {2, 1, 1, {0}, 0, 1}, {8, 3, 4, {0, 0, 0, 0, 1, 1, 1, 1}, 0, 1},
        {1, 2, 3, {0}, 0, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_job job;
        check_ok(cps_job_init(&job, cases[i].ranks, cases[i].servers, cases[i].workers));
        check_int(cps_job_worker_ranks(&job, cases[i].host_of, cases[i].rank), cases[i].want, "case %zu", i);
        cps_job_release(&job);
    }
}

static void nodes_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"coordinator", "server 0", "server 1", "server 2",
                                        "worker 0",    "worker 1", "worker 2", "worker 3"};
    struct cps_job layout;
    check_ok(cps_job_init(&layout, 8, 3, 4));
    for (uint32_t node = 0; node < COUNT_OF(names); node++) {
        char name[CPS_NODE_NAME_BYTES];
        cps_job_node_name(&layout, node, name);
        assert_string_equal(name, names[node]);
    }
    cps_job_release(&layout);
}

static void addresses_are_found_by_name_network_or_number(void **state)
{
    (void)state;
    static const char *const loopbacks[] = {"lo", "127.0.0.0/8", "127.0.0.1", "127.0.0.1/32", "126.0.0.0/7"};
    char address[CPS_ADDRESS_BYTES];
    check_ok(cps_interface_address(NULL, true, address));
    assert_string_equal(address, "127.0.0.1");
    for (size_t i = 0; i < COUNT_OF(loopbacks); i++) {
        check_ok(cps_interface_address(loopbacks[i], false, address));
        assert_string_equal(address, "127.0.0.1");
    }
    /* TEST-NET-3 (RFC 5737) is nobody's. */
    static const char *const nowhere[] = {"203.0.113.0/24", "nosuchif0", "127.0.0.1/33",
                                          "2001:db8::/32",  "",          "/"};
    for (size_t i = 0; i < COUNT_OF(nowhere); i++) {
        check_fails(cps_interface_address(nowhere[i], false, address), CPS_ERR_USAGE, nowhere[i]);
        assert_non_null(strstr(cps_error_hint(), "--interface"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_shared_out),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(ranks_with_workers_are_counted_by_host),
        cmocka_unit_test(nodes_have_names),
        cmocka_unit_test(addresses_are_found_by_name_network_or_number),
    };
    return cmocka_run_group_tests_name("net: layout", tests, NULL, NULL);
}
