/*
 * The bounds of a plan; see plan.h. A plan is the first message a role receives, and determines the size of
 * everything the role allocates.
 */
#include "common/model/plan.h"

#include <float.h>
#include <math.h>

#include "common/model/blocks.h"

/* Parameters beyond this are terabytes with their optimizer state. */
static const double MOST_PARAMETERS = 0x1p38;

static enum cps_status refuse(const char *field, double value, double low, double high)
{
    return cps_fail(CPS_ERR_PEER, "invalid plan: %s is %.17g, but must be from %.17g to %.17g", field, value,
                    low, high);
}

/* Checks every number against its own bounds; NaN fails. */
static enum cps_status check_fields(const struct cps_plan *plan)
{
#define CHECK(number, type, name, low, high)                                                                   \
    if (!((double)plan->name >= (double)(low) && (double)plan->name <= (double)(high)))                        \
        return refuse(#name, (double)plan->name, (double)(low), (double)(high));
    CPS_PLAN_FIELDS(CHECK)
#undef CHECK
    return CPS_OK;
}

static enum cps_status check_blocks(const struct cps_plan *plan)
{
    bool blocks = plan->solver == CPS_SOLVER_BLOCK;
    if (blocks != (plan->blocks > 0) ||
        (blocks && !cps_blocks_fit(plan->blocks, plan->user_rows, plan->movie_rows)))
        return refuse("blocks", plan->blocks, blocks, blocks ? plan->movie_rows : 0);
    if (blocks && plan->optimizer == CPS_OPTIMIZER_ADAM)
        return refuse("optimizer", plan->optimizer, CPS_OPTIMIZER_SGD, CPS_OPTIMIZER_ADAGRAD);
    return CPS_OK;
}

enum cps_status cps_plan_check(const struct cps_plan *plan)
{
    CPS_TRY(check_fields(plan));
    double keys = (double)plan->user_rows + plan->movie_rows;
    double parameters = keys * cps_plan_row_width(plan);
    double steps = (double)cps_plan_steps(plan);
    if (keys > UINT32_MAX)
        return refuse("user_rows + movie_rows", keys, 2, UINT32_MAX);
    if (parameters > MOST_PARAMETERS)
        return refuse("parameters", parameters, 1, MOST_PARAMETERS);
    if (!(steps >= 1 && steps <= UINT32_MAX))
        return refuse("steps", steps, 1, UINT32_MAX);
    CPS_TRY(check_blocks(plan));
    if (plan->has_range && !(plan->range_low < plan->range_high))
        return refuse("range_low", plan->range_low, -FLT_MAX, plan->range_high);
    if (plan->has_range && !isfinite(plan->range_high - plan->range_low))
        return refuse("range_high - range_low", plan->range_high - plan->range_low, 0, FLT_MAX);
    if ((double)plan->first_step > steps)
        return refuse("first_step", (double)plan->first_step, 0, steps);
    if (plan->validates_first &&
        (plan->first_step == 0 || plan->first_step % cps_plan_steps_per_epoch(plan) != 0))
        return refuse("first_step", (double)plan->first_step, (double)cps_plan_steps_per_epoch(plan), steps);
    if (plan->keeps_biases && (plan->optimizer != CPS_OPTIMIZER_SGD || plan->solver == CPS_SOLVER_BLOCK))
        return refuse("keeps_biases", plan->keeps_biases, 0, 0);
    if (plan->wd_movie_bias > 0 && plan->solver == CPS_SOLVER_BLOCK)
        return refuse("wd_movie_bias", plan->wd_movie_bias, 0, 0);
    double decay = plan->lr_max * cps_plan_largest_decay(plan);
    if (!(decay < 1))
        return refuse("lr_max * wd", decay, 0, 1);
    return CPS_OK;
}
