/* The deadline on what a role waits for. */
#include "common/drive/watch.h"
#include "tests/unit/check.h"

enum { NODES = 4, SECOND = 1000000000 };

static const uint32_t node_rank[NODES] = {0, 1, 2, 3};
static const char hosts[NODES][8] = {"vm-a", "vm-b", "vm-c", "vm-d"};
static const struct cps_route route = {.rank = 2,
                                       .ranks = NODES,
                                       .nodes = NODES,
                                       .servers = 2,
                                       .node_rank = node_rank,
                                       .hosts = hosts[0],
                                       .host_bytes = sizeof hosts[0]};

/* A role that waits for what the test says. */
static bool awaits(const void *context, struct cps_awaited *out)
{
    *out = *(const struct cps_awaited *)context;
    return out->what != NULL;
}

static const struct cps_role_ops ops = {.awaits = awaits};

struct rig {
    struct cps_awaited awaited;
    struct cps_role role;
    struct cps_watch watch;
    uint64_t progress[NODES];
};

/* Server 1 waits for worker 0. */
static void rig_init(struct rig *self)
{
    *self = (struct rig){
        .awaited = {.node = 3, .what = "the gradients of step", .numbered = true, .number = 17, .patience = 5}};
    self->role = (struct cps_role){.ops = &ops, .self = &self->awaited, .node = 2};
}

static enum cps_status look(struct rig *rig, double seconds)
{
    return cps_watch_look(&rig->watch, &rig->role, &route, rig->progress, (uint64_t)(seconds * SECOND),
                          (uint64_t)4 * SECOND);
}

static void a_wait_ends_and_names_who_owes_what(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    for (double now = 1; now < 6; now += 0.25)
        check_ok(look(&rig, now));
    check_fails(look(&rig, 6), CPS_ERR_PEER,
                "worker 0 (rank 3 on 'vm-d') owes the gradients of step 17 to server 1 (rank 2 on 'vm-c'), "
                "which has waited 5 s");
}

static void whatever_moves_begins_it_anew(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    check_ok(look(&rig, 1));
    check_ok(look(&rig, 5));
    rig.progress[3]++; /* the worker gets on with something else */
    check_ok(look(&rig, 7));
    check_ok(look(&rig, 11));
    rig.awaited.number++;
    check_ok(look(&rig, 13));
    check_ok(look(&rig, 17));
    rig.awaited.what = NULL; /* nothing */
    check_ok(look(&rig, 19));
    rig.awaited.what = "the rows of step";
    check_ok(look(&rig, 30));
    rig.progress[0]++; /* of no concern */
    check_fails(look(&rig, 35), CPS_ERR_PEER, "the rows of step 18");
}

static void without_a_timeout_it_lasts(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    for (uint64_t now = 1; now < 1000; now++)
        check_ok(cps_watch_look(&rig.watch, &rig.role, &route, rig.progress, now * SECOND, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_and_names_who_owes_what),
        cmocka_unit_test(whatever_moves_begins_it_anew),
        cmocka_unit_test(without_a_timeout_it_lasts),
    };
    return cmocka_run_group_tests_name("drive: watch", tests, NULL, NULL);
}
