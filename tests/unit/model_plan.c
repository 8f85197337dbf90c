/* The bounds of a plan: every honest one passes, and none that breaks an invariant. */
#include "common/model/plan.h"

#include <float.h>

#include "tests/unit/check.h"
#include "tests/unit/roles.h"

static void honest_plans_pass(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    check_ok(cps_plan_check(&plan));
    plan.factors = 4096;
    plan.batch_size = 1;
    plan.epochs = 1000;
    plan.servers = plan.workers = CPS_MOST_NODES;
    plan.seed = UINT64_MAX;
    plan.has_range = true;
    plan.range_low = -1.0f;
    plan.range_high = 5.5f;
    check_ok(cps_plan_check(&plan));
}

/* One field at a time, set to every value that it must not have. */
static void fields_out_of_bounds_are_refused(void **state)
{
    (void)state;
#define OUT(number, type, name, low, high)                                                                     \
    {                                                                                                          \
        struct cps_plan plan = small_plan();                                                                   \
        double below = (double)(low)-1, above = (double)(high) + 1;                                            \
        CPS_MEMBER_##type(value);                                                                              \
        value = (__typeof__(value))below;                                                                      \
        plan.name = value;                                                                                     \
        if ((double)value < (double)(low))                                                                     \
            check_fails(cps_plan_check(&plan), CPS_ERR_PEER, #name);                                           \
        if (above <= 4e9) {                                                                                    \
            value = (__typeof__(value))above;                                                                  \
            plan.name = value;                                                                                 \
            if ((double)value > (double)(high))                                                                \
                check_fails(cps_plan_check(&plan), CPS_ERR_PEER, #name);                                       \
        }                                                                                                      \
    }
    CPS_PLAN_FIELDS(OUT)
#undef OUT
    struct cps_plan plan = small_plan();
    plan.lr_max = NAN;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "lr_max is nan");
    plan = small_plan();
    plan.range_high = INFINITY;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "range_high is inf");
}

static void zeroes_are_refused(void **state)
{
    (void)state;
    uint32_t *fields[7];
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct cps_plan plan = small_plan();
        uint32_t *const all[] = {&plan.factors,    &plan.user_rows, &plan.movie_rows, &plan.epochs,
                                 &plan.batch_size, &plan.servers,   &plan.workers};
        memcpy(fields, all, sizeof fields);
        *fields[i] = 0;
        check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "but must be from 1 to");
    }
}

static void fields_that_disagree_are_refused(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    plan.user_rows = plan.movie_rows = UINT32_MAX;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "user_rows + movie_rows");
    plan = small_plan();
    plan.user_rows = UINT32_MAX / 2;
    plan.factors = 4096;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "parameters");
    plan = small_plan();
    plan.batch_size = (uint32_t)plan.train_count + 1;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "steps is 0");
    plan = small_plan();
    plan.batch_size = 1;
    plan.train_count = UINT32_MAX;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "steps");
    plan = small_plan();
    plan.has_range = true;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "range_low");
    plan.range_low = -FLT_MAX;
    plan.range_high = FLT_MAX;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "range_high - range_low");
    plan = small_plan();
    plan.lr_max = 2;
    plan.wd_bias = 0.5;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "lr_max * wd");
    plan.wd_bias = 0.1;
    plan.wd_movie_bias = 0.5;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "lr_max * wd");
    plan = small_plan();
    plan.keeps_biases = true;
    plan.optimizer = CPS_OPTIMIZER_SGD;
    check_ok(cps_plan_check(&plan));
    plan.optimizer = CPS_OPTIMIZER_ADAM;
    check_fails(cps_plan_check(&plan), CPS_ERR_PEER, "keeps_biases");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_plans_pass),
        cmocka_unit_test(fields_out_of_bounds_are_refused),
        cmocka_unit_test(zeroes_are_refused),
        cmocka_unit_test(fields_that_disagree_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
