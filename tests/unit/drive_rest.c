/* How a rank waits: awake or asleep in its control socket, by what it expects and with whom it shares the host. */
#include "common/drive/rest.h"
#include "tests/unit/check.h"

enum { MS = 1000000 };

struct counting_transport {
    struct cps_transport base;
    uint32_t waits;
};

static void count_wait(struct cps_transport *base, uint64_t ns)
{
    (void)ns;
    ((struct counting_transport *)base)->waits++;
}

static bool always_idle(struct cps_transport *base)
{
    (void)base;
    return true;
}

static const struct cps_transport_ops counting_ops = {.wait = count_wait, .idle = always_idle};

/* Waits once, so long after the last message; true if the rank slept in its control socket. */
static bool sleeps(bool over_mpi, bool quiet, bool crowded, uint64_t after_ns)
{
    struct counting_transport control = {.base.ops = &counting_ops}, bulk = {.base.ops = &counting_ops};
    struct cps_rest rest;
    cps_rest_init(&rest, &control.base, over_mpi ? &bulk.base : NULL, quiet, crowded);
    cps_rest_active(&rest, 10 * MS);
    cps_rest_wait(&rest, 10 * MS + after_ns, MS);
    return control.waits == 1;
}

static void a_rank_spins_before_it_sleeps(void **state)
{
    (void)state;
    assert_false(sleeps(false, false, false, 0));
    assert_true(sleeps(false, false, false, MS));
    assert_true(sleeps(false, true, false, 0)); /* the coordinator */
}

static void a_rank_of_a_crowded_host_sleeps_at_once(void **state)
{
    (void)state;
    assert_true(sleeps(false, false, true, 0));
    assert_false(sleeps(true, false, true, 0)); /* which mpi cannot wake */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_spins_before_it_sleeps),
        cmocka_unit_test(a_rank_of_a_crowded_host_sleeps_at_once),
    };
    return cmocka_run_group_tests_name("drive: rest", tests, NULL, NULL);
}
