/* The schedules; see schedule.h. */
#include "common/model/schedule.h"

#include "common/base/numeric.h"
#include "common/model/range_test.h"

/* From start at position 0 to end at 1 along half a cosine. */
static double cosine_between(double start, double end, double position)
{
    return start + (1.0 + cps_cospi(1.0 - position)) * (end - start) / 2.0;
}

static struct cps_hyper one_cycle_at(double lr_max, double position)
{
    static const double rise = 0.25, div = 25.0, div_final = 1e5;
    static const double momentum_high = 0.95, momentum_low = 0.85;
    if (position < rise) {
        double q = position / rise;
        return (struct cps_hyper){.lr = cosine_between(lr_max / div, lr_max, q),
                                  .momentum = cosine_between(momentum_high, momentum_low, q)};
    }
    double q = (position - rise) / (1.0 - rise);
    return (struct cps_hyper){.lr = cosine_between(lr_max, lr_max / div_final, q),
                              .momentum = cosine_between(momentum_low, momentum_high, q)};
}

struct cps_hyper cps_schedule_at(const struct cps_plan *plan, uint64_t step)
{
    double position = (double)step / (double)cps_plan_steps(plan);
    switch (plan->schedule) {
    case CPS_SCHEDULE_ONE_CYCLE:
        return one_cycle_at(plan->lr_max, position);
    case CPS_SCHEDULE_COSINE:
        return (struct cps_hyper){.lr = cosine_between(plan->lr_max, 0.0, position), .momentum = 0.9};
    case CPS_SCHEDULE_RANGE_TEST: {
        double rate = cps_range_test_rate(step < CPS_RANGE_TEST_STEPS ? step : CPS_RANGE_TEST_STEPS);
        return (struct cps_hyper){.lr = rate < plan->lr_max ? rate : plan->lr_max, .momentum = 0.9};
    }
    case CPS_SCHEDULE_CONSTANT:
        break;
    }
    return (struct cps_hyper){.lr = plan->lr_max, .momentum = 0.9};
}
