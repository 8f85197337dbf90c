/*
 * The rules of steps.c against a replay of every missed step in double precision,
 * over gaps of all lengths and all parts of a schedule.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "common/model/kernels.h"
#include "common/model/steps.h"

struct replayed {
    double w, m, v;
};

/* fastai's step with gradient 0, as DESIGN states it, for steps from+1..to. */
static struct replayed replay(const struct cps_plan *plan, uint64_t from, uint64_t to, struct replayed at)
{
    for (uint64_t k = from + 1; k <= to; k++) {
        struct cps_hyper hyper = cps_schedule_at(plan, k - 1);
        at.w *= 1.0 - hyper.lr * plan->wd;
        at.m *= hyper.momentum;
        at.v *= 0.99;
        double unbiased = 1.0 - pow(hyper.momentum, (double)k);
        at.w -= hyper.lr / unbiased * at.m / (sqrt(at.v / (1.0 - pow(0.99, (double)k))) + 1e-5);
    }
    return at;
}

static struct cps_steps *granted(const struct cps_plan *plan)
{
    struct cps_steps *idle;
    assert_int_equal(cps_steps_create(plan->wd, true, &idle), CPS_OK);
    uint64_t steps = cps_plan_steps(plan);
    struct cps_hyper hyper[CPS_BLOCK_STEPS];
    while (cps_steps_granted(idle) < steps) {
        uint64_t first = cps_steps_granted(idle);
        uint32_t count = 0;
        for (; count < CPS_BLOCK_STEPS && first + count < steps; count++)
            hyper[count] = cps_schedule_at(plan, first + count);
        assert_int_equal(cps_steps_grant(idle, hyper, count), CPS_OK);
    }
    return idle;
}

static const struct cps_plan notebook = {.optimizer = CPS_OPTIMIZER_ADAM,
                                         .schedule = CPS_SCHEDULE_ONE_CYCLE,
                                         .epochs = 5,
                                         .batch_size = 64,
                                         .train_count = 80000,
                                         .lr_max = 5e-3,
                                         .wd = 0.1};

/* A row that just had a gradient: |m| below sqrt(v) by what the averages allow, v over
 * eight decades around epsilon². */
static struct replayed some_element(uint64_t index)
{
    double root = pow(10.0, -7.0 + 7.0 * cps_random_uniform(1, CPS_RANDOM_TEST, 3 * index));
    double share = 2.0 * cps_random_uniform(1, CPS_RANDOM_TEST, 3 * index + 1) - 1.0;
    return (struct replayed){.w = cps_random_normal(1, CPS_RANDOM_TEST, 3 * index + 2) * 0.3,
                             .m = share * root * 2.0,
                             .v = root * root};
}

static double error_of_gap(const struct cps_plan *plan, const struct cps_steps *idle, uint64_t from,
                           uint64_t gap)
{
    struct cps_catch_up plan_of_gap;
    cps_steps_catch_up(idle, from, from + gap, &plan_of_gap);
    double worst = 0.0;
    for (uint64_t i = 0; i < 16; i++) {
        struct replayed at = some_element(i);
        float w[16] = {(float)at.w}, m[16] = {(float)at.m}, v[16] = {(float)at.v};
        at = (struct replayed){.w = w[0], .m = m[0], .v = v[0]};
        struct replayed want = replay(plan, from, from + gap, at);
        cps_kernels_scalar.catch_up(w, m, v, 16, &plan_of_gap);
        worst = fmax(worst, fabs(w[0] - want.w));
        assert_true(fabs(m[0] - want.m) <= 1e-6 * fabs(at.m));
        assert_true(fabs(v[0] - want.v) <= 1e-6 * fabs(at.v));
    }
    return worst;
}

/* The worst error of a weight over plan's schedule. */
static double worst_error(const struct cps_plan *plan, double tolerance)
{
    struct cps_steps *idle = granted(plan);
    static const uint64_t starts[] = {1,   10,   100,  200,  255,  256,  257,  300,  500,
                                      900, 1000, 1023, 1024, 1500, 2000, 3000, 4090, 5000};
    static const uint64_t gaps[] = {1,  2,  3,  4,   5,   6,   8,   12,  20,  30,   47,
                                    48, 49, 64, 100, 150, 200, 256, 300, 500, 1000, 1200};
    double worst = 0.0;
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
            double error = error_of_gap(plan, idle, starts[s], gaps[g]);
            if (!(error < tolerance))
                print_message("lr %g, wd %g, from %5lu gap %4lu: weight off by %.2e\n", plan->lr_max, plan->wd,
                              (unsigned long)starts[s], (unsigned long)gaps[g], error);
            worst = error < tolerance && worst < tolerance ? fmax(worst, error) : (double)INFINITY;
        }
    cps_steps_destroy(&idle);
    return worst;
}

static void short_rules_match_a_replay(void **state)
{
    (void)state;
    double worst = worst_error(&notebook, 2e-7);
    print_message("worst error of a weight: got %.2e, tolerance 2e-7\n", worst);
    assert_true(worst < 2e-7);
}

/* Every product of lr and wd that the options let through, whatever the schedule: where momentum
 * exceeds 1 - lr·wd, where it equals it, and where a block's decay leaves nothing of a weight. */
static void strong_decay_matches_a_replay(void **state)
{
    (void)state;
    static const double products[] = {0.01, 0.05, 0.09,  0.0999, 0.1, 0.10001, 0.101, 0.11, 0.14,
                                      0.2,  0.3,  0.149, 0.151,  0.5, 0.7,     0.9,   0.99, 0.999999};
    static const enum cps_schedule_kind schedules[] = {CPS_SCHEDULE_ONE_CYCLE, CPS_SCHEDULE_CONSTANT,
                                                       CPS_SCHEDULE_COSINE};
    double worst = 0.0;
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++)
        for (size_t s = 0; s < sizeof schedules / sizeof schedules[0]; s++) {
            struct cps_plan plan = notebook;
            plan.schedule = schedules[s];
            plan.wd = products[i] / plan.lr_max;
            worst = fmax(worst, worst_error(&plan, 3e-7));
        }
    print_message("worst error of a weight: got %.2e, tolerance 3e-7\n", worst);
    assert_true(worst < 3e-7);
}

/* What SGD and AdaGrad use of a plan, where a block's decay is below the smallest double. */
static void weights_decay_to_nothing_without_momentum(void **state)
{
    (void)state;
    struct cps_plan plan = notebook;
    struct cps_steps *idle;
    struct cps_catch_up gap;
    struct cps_hyper hyper[CPS_BLOCK_STEPS];
    assert_int_equal(cps_steps_create(0.9 / plan.lr_max, false, &idle), CPS_OK);
    for (uint32_t i = 0; i < CPS_BLOCK_STEPS; i++)
        hyper[i] = (struct cps_hyper){.lr = plan.lr_max, .momentum = 0.9};
    for (int block = 0; block < 3; block++)
        assert_int_equal(cps_steps_grant(idle, hyper, CPS_BLOCK_STEPS), CPS_OK);
    cps_steps_catch_up(idle, 1000, 1003, &gap);
    assert_true(fabs((double)gap.decay - 1e-3) < 1e-9);
    cps_steps_catch_up(idle, 1022, 1026, &gap);
    assert_true(fabs((double)gap.decay - 1e-4) < 1e-9);
    cps_steps_catch_up(idle, 10, 3000, &gap);
    assert_true(gap.decay == 0.0f);
    cps_steps_destroy(&idle);
}

static void untouched_rows_only_decay(void **state)
{
    (void)state;
    struct cps_steps *idle = granted(&notebook);
    struct cps_catch_up plan;
    cps_steps_catch_up(idle, 0, 6000, &plan);
    double decay = 1.0;
    for (uint64_t k = 0; k < 6000; k++)
        decay *= 1.0 - cps_schedule_at(&notebook, k).lr * notebook.wd;
    assert_int_equal(plan.terms, 0);
    assert_true(fabs(plan.decay - decay) < 1e-6);
    cps_steps_destroy(&idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_rules_match_a_replay),
        cmocka_unit_test(strong_decay_matches_a_replay),
        cmocka_unit_test(weights_decay_to_nothing_without_momentum),
        cmocka_unit_test(untouched_rows_only_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
