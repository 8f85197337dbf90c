/* Whose message a rank takes, and of which kind. */
#include "common/net/route.h"
#include "tests/unit/check.h"

/* Nodes 0 and 1 (the coordinator and server 0) share rank 0; server 1 is on rank 1, the workers are on 2 and 3.
 */
static const uint32_t node_rank[] = {0, 0, 1, 2, 3};
enum { NODES = COUNT_OF(node_rank), SERVERS = 2, RANKS = 4 };

static enum cps_status check_at(uint32_t rank, uint32_t peer, uint32_t from, uint32_t to,
                                enum cps_message_kind kind)
{
    const struct cps_route route = {rank, RANKS, NODES, SERVERS, node_rank, NULL, 0, NULL};
    const struct cps_message message = {.kind = kind, .from = from, .to = to};
    return cps_route_check(&route, peer, &message);
}

static void a_sender_speaks_for_its_own_nodes(void **state)
{
    (void)state;
    check_ok(check_at(1, 2, 3, 2, CPS_MESSAGE_EXCHANGE));
    check_ok(check_at(3, 0, 1, 4, CPS_MESSAGE_ROWS));
    check_fails(check_at(1, 3, 3, 2, CPS_MESSAGE_EXCHANGE), CPS_ERR_PEER, "do not run there");
    check_fails(check_at(1, 2, 3, 1, CPS_MESSAGE_EXCHANGE), CPS_ERR_PEER, "do not run there");
    check_fails(check_at(0, 2, 3, 2, CPS_MESSAGE_EXCHANGE), CPS_ERR_PEER, "do not run there");
}

/* Read past node_rank, these would be whatever stands there. */
static void numbers_beyond_the_last_node_are_refused(void **state)
{
    (void)state;
    static const uint32_t bounded[] = {0, 0, 1, 2, 3, 2, 2};
    const struct cps_route route = {1, RANKS, NODES, SERVERS, bounded, NULL, 0, NULL};
    for (uint32_t beyond = NODES; beyond < COUNT_OF(bounded); beyond++) {
        const struct cps_message from = {.kind = CPS_MESSAGE_EXCHANGE, .from = beyond, .to = 2};
        const struct cps_message to = {.kind = CPS_MESSAGE_EXCHANGE, .from = 3, .to = beyond};
        check_fails(cps_route_check(&route, 2, &from), CPS_ERR_PEER, "do not run there");
        check_fails(
            cps_route_check(&(struct cps_route){2, RANKS, NODES, SERVERS, bounded, NULL, 0, NULL}, 2, &to),
            CPS_ERR_PEER, "do not run there");
    }
}

static void kinds_are_for_certain_roles(void **state)
{
    (void)state;
    enum { C = CPS_COORDINATOR, S = CPS_SERVERS, W = CPS_WORKERS };
    static const struct {
        enum cps_message_kind kind;
        unsigned from, to;
    } allowed[] = {
        {CPS_MESSAGE_HELLO, S | W, C},  {CPS_MESSAGE_PLAN, C, S | W},         {CPS_MESSAGE_READY, S | W, C},
        {CPS_MESSAGE_GRANT, C, S | W},  {CPS_MESSAGE_EXCHANGE, C | W, S | W}, {CPS_MESSAGE_ROWS, S | W, C | W},
        {CPS_MESSAGE_REPORT, S | W, C}, {CPS_MESSAGE_FAIL, S | W, C},         {CPS_MESSAGE_STOP, C, S | W},
    };
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        for (unsigned from = 1; from <= W; from *= 2)
            for (unsigned to = 1; to <= W; to *= 2)
                check_int(cps_message_allowed(allowed[i].kind, from, to),
                          (allowed[i].from & from) && (allowed[i].to & to), "%s from %u to %u",
                          cps_message_kind_name(allowed[i].kind), from, to);
    assert_false(cps_message_allowed(CPS_MESSAGE_KINDS, C, W));
    check_fails(check_at(1, 2, 3, 2, CPS_MESSAGE_GRANT), CPS_ERR_PEER, "which their roles do not allow");
    check_fails(check_at(1, 3, 4, 2, CPS_MESSAGE_STOP), CPS_ERR_PEER,
                "rank 3 sent rank 1 a 'stop' from node 4 to node 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_speaks_for_its_own_nodes),
        cmocka_unit_test(numbers_beyond_the_last_node_are_refused),
        cmocka_unit_test(kinds_are_for_certain_roles),
    };
    return cmocka_run_group_tests_name("net: route", tests, NULL, NULL);
}
