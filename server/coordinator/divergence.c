/* Chooses and formats the divergence to report when there are several; see divergence.h. */
#include "server/coordinator/divergence.h"

static bool comes_before(const struct cps_report *report, const struct cps_divergence *known)
{
    if (known->what == CPS_DIVERGED_NOT)
        return true;
    if (report->diverged_step != known->step)
        return report->diverged_step < known->step;
    if (report->diverged != (uint32_t)known->what)
        return report->diverged < (uint32_t)known->what;
    if (report->user_row != known->user_row)
        return report->user_row < known->user_row;
    return report->movie_row < known->movie_row;
}

enum cps_status cps_divergence_add(struct cps_divergence *self, const struct cps_report *report)
{
    if (report->diverged > CPS_DIVERGED_UPDATE)
        return cps_fail(CPS_ERR_PEER, "a node diverged in an unknown way, %u", report->diverged);
    self->mute += report->diverged != CPS_DIVERGED_UPDATE;
    if (!comes_before(report, self))
        return CPS_OK;
    self->what = (enum cps_diverged)report->diverged;
    self->step = report->diverged_step;
    self->user_row = report->user_row;
    self->movie_row = report->movie_row;
    return CPS_OK;
}

enum cps_status cps_divergence_fail(const struct cps_divergence *self, const struct cps_plan *plan)
{
    unsigned long long step = self->step;
    if (self->what == CPS_DIVERGED_UPDATE)
        cps_fail(CPS_ERR_DIVERGED,
                 "training diverged at step %llu: a gradient or an updated weight is out of range", step);
    else if (plan->solver == CPS_SOLVER_BLOCK)
        cps_fail(CPS_ERR_DIVERGED, "training diverged at sub-epoch %llu: %s is out of range", step,
                 self->what == CPS_DIVERGED_VALIDATION ? "a validation error" : "the error of a rating");
    else
        cps_fail(CPS_ERR_DIVERGED,
                 "training diverged at step %llu: the %s of user row %u and movie row %u is out of range", step,
                 self->what == CPS_DIVERGED_VALIDATION ? "validation error" : "error", self->user_row,
                 self->movie_row);
    return cps_hint(CPS_ERR_DIVERGED, plan->has_range
                                          ? "lower --lr-max"
                                          : "lower --lr-max, or give the predictions a range with --y-range");
}
