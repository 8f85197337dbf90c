/* The window of step losses: complete, in order, and not twice. */
#include "server/coordinator/losses.h"
#include "tests/unit/check.h"

static struct cps_loss_sum as_sent(cps_int128 sum)
{
    return (struct cps_loss_sum){.low = (uint64_t)sum, .high = (uint64_t)((unsigned __int128)sum >> 64)};
}

/* What worker says of step: beyond 64 bits, and different for all. */
static cps_int128 loss_of(uint32_t worker, uint64_t step)
{
    return ((cps_int128)(step + 1) << 70) + ((cps_int128)worker << 64) + (cps_int128)(step * 7 + worker);
}

static void losses_travel_as_integers(void **state)
{
    (void)state;
    static const int64_t seeds[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(seeds); i++) {
        cps_int128 sum = (cps_int128)seeds[i] * INT64_MAX + 3;
        assert_true(cps_loss_sum_value(as_sent(sum)) == sum);
    }
}

static void report(struct cps_losses *losses, uint32_t worker, uint64_t first, uint32_t steps)
{
    struct cps_loss_sum sums[64];
    for (uint32_t i = 0; i < steps; i++)
        sums[i] = as_sent(loss_of(worker, first + i));
    check_ok(cps_losses_add(losses, first, steps, sums, NULL));
}

static void check_step(struct cps_losses *losses, uint32_t workers, uint64_t want)
{
    uint64_t step;
    cps_int128 sum, total = 0;
    uint64_t ratings;
    for (uint32_t worker = 0; worker < workers; worker++)
        total += loss_of(worker, want);
    assert_true(cps_losses_take(losses, workers, &step, &sum, &ratings));
    check_int(step, want, "step");
    assert_true(sum == total);
}

static void check_none(struct cps_losses *losses, uint32_t workers)
{
    uint64_t step;
    cps_int128 sum;
    uint64_t ratings;
    assert_false(cps_losses_take(losses, workers, &step, &sum, &ratings));
}

static void steps_wait_for_all_workers(void **state)
{
    (void)state;
    struct cps_losses losses = {0};
    check_none(&losses, 2);
    report(&losses, 0, 0, 3);
    check_none(&losses, 2);
    report(&losses, 1, 0, 1);
    check_step(&losses, 2, 0);
    check_none(&losses, 2);
    report(&losses, 1, 1, 5);
    check_step(&losses, 2, 1);
    check_step(&losses, 2, 2);
    check_none(&losses, 2);
    report(&losses, 0, 3, 3);
    for (uint64_t step = 3; step < 6; step++)
        check_step(&losses, 2, step);
    check_none(&losses, 2);
    cps_losses_release(&losses);
}

static void a_step_that_was_taken_is_refused(void **state)
{
    (void)state;
    struct cps_losses losses = {0};
    struct cps_loss_sum sum = {0};
    report(&losses, 0, 0, 10);
    for (uint64_t step = 0; step < 10; step++)
        check_step(&losses, 1, step);
    check_fails(cps_losses_add(&losses, 9, 1, &sum, NULL), CPS_ERR_PEER, "step 9 again");
    check_fails(cps_losses_add(&losses, 0, 1, &sum, NULL), CPS_ERR_PEER, "step 0 again");
    report(&losses, 0, 10, 1);
    check_step(&losses, 1, 10);
    cps_losses_release(&losses);
}

/* Many steps by workers far apart: they come out in order, and the window stays small. */
static void a_long_run_slides(void **state)
{
    (void)state;
    enum { WORKERS = 3, STEPS = 64 * 400 };
    struct cps_losses losses = {0};
    uint64_t reported[WORKERS] = {0}, taken = 0, step;
    cps_int128 sum;
    uint64_t ratings;
    for (uint64_t round = 0; taken < STEPS; round++) {
        uint32_t worker = (uint32_t)test_below(0, round, WORKERS),
                 steps = 1 + (uint32_t)test_below(1, round, 64);
        if (reported[worker] + steps > STEPS || reported[worker] > taken + 2000)
            steps = reported[worker] < STEPS && reported[worker] <= taken + 2000 ? 1 : 0;
        if (steps == 0)
            continue;
        report(&losses, worker, reported[worker], steps);
        reported[worker] += steps;
        while (cps_losses_take(&losses, WORKERS, &step, &sum, &ratings)) {
            check_int(step, taken, "step");
            assert_true(sum == loss_of(0, step) + loss_of(1, step) + loss_of(2, step));
            taken++;
        }
    }
    assert_in_range(losses.capacity, 1, 16384);
    cps_losses_release(&losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_travel_as_integers),
        cmocka_unit_test(steps_wait_for_all_workers),
        cmocka_unit_test(a_step_that_was_taken_is_refused),
        cmocka_unit_test(a_long_run_slides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
