/* Where the time of a rank goes, as roles say it through their outboxes. */
#include "common/base/clock.h"
#include "common/drive/outbox.h"
#include "tests/unit/check.h"

enum { MS = 1000000 };

/* Sleeps for at least 2 ms; a machine under load may take much longer. */
static void pass_time(void)
{
    cps_sleep_ns(2 * MS);
}

static uint64_t sum(const uint64_t spent_ns[CPS_PHASES])
{
    uint64_t total = 0;
    for (int phase = 0; phase < CPS_PHASES; phase++)
        total += spent_ns[phase];
    return total;
}

static void all_time_is_booked_once(void **state)
{
    (void)state;
    struct cps_stopwatch watch;
    cps_stopwatch_start(&watch);
    uint64_t began = watch.since_ns;
    for (int phase = CPS_PHASES - 1; phase >= 0; phase--) {
        cps_stopwatch_book(&watch, (enum cps_phase)phase);
        pass_time();
    }
    uint64_t now = cps_stopwatch_book(&watch, CPS_PHASE_OTHER);
    check_int(sum(watch.spent_ns), now - began, "time booked");
    for (int phase = 0; phase < CPS_PHASES; phase++)
        assert_true(watch.spent_ns[phase] >= 2 * MS);
}

static void unclaimed_time_goes_to_the_first_phase(void **state)
{
    (void)state;
    struct cps_stopwatch watch;
    cps_stopwatch_start(&watch);
    pass_time();
    cps_stopwatch_enter(&watch, CPS_PHASE_VALIDATION);
    cps_stopwatch_enter(&watch, CPS_PHASE_VALIDATION);
    check_int(sum(watch.spent_ns), 0, "time booked before the phase changes");
    cps_stopwatch_enter(&watch, CPS_PHASE_COMPUTE);
    assert_true(watch.spent_ns[CPS_PHASE_VALIDATION] >= 2 * MS);
    check_int(sum(watch.spent_ns), watch.spent_ns[CPS_PHASE_VALIDATION], "time booked");
    check_int(watch.phase, CPS_PHASE_COMPUTE, "phase");
}

/* Two roles of one rank each hear of all of its time once. */
static void each_outbox_gives_time_out_once(void **state)
{
    (void)state;
    struct cps_stopwatch watch;
    struct cps_outbox one = {.watch = &watch}, other = {.watch = &watch};
    uint64_t spent_ns[CPS_PHASES], total[CPS_PHASES] = {0};
    cps_stopwatch_start(&watch);
    for (int round = 0; round < 3; round++) {
        cps_outbox_enter(&one, CPS_PHASE_COMPUTE);
        pass_time();
        cps_outbox_spent(&one, spent_ns);
        assert_true(spent_ns[CPS_PHASE_COMPUTE] >= 2 * MS);
        for (int phase = 0; phase < CPS_PHASES; phase++)
            total[phase] += spent_ns[phase];
    }
    assert_memory_equal(total, watch.spent_ns, sizeof total);
    cps_outbox_spent(&other, spent_ns);
    assert_memory_equal(spent_ns, watch.spent_ns, sizeof spent_ns);
}

/* As in the simulator. */
static void without_a_watch_there_is_no_time(void **state)
{
    (void)state;
    struct cps_outbox outbox = {0};
    uint64_t spent_ns[CPS_PHASES] = {1, 2, 3};
    cps_outbox_enter(&outbox, CPS_PHASE_COMPUTE);
    cps_outbox_spent(&outbox, spent_ns);
    check_int(sum(spent_ns), 0, "time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_time_is_booked_once),
        cmocka_unit_test(unclaimed_time_goes_to_the_first_phase),
        cmocka_unit_test(each_outbox_gives_time_out_once),
        cmocka_unit_test(without_a_watch_there_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
