/*
 * Learning rate and momentum of every step, a function of the plan alone.
 *
 * one-cycle: fastai's fit_one_cycle (Smith and Topin, "Super-convergence", 2019; the
 * cosine phases and constants of fastai.callback.schedule): a quarter of the run up
 * from lr_max/25 to lr_max while momentum goes 0.95 -> 0.85, then down to lr_max/1e5
 * and back to 0.95. cosine: lr_max down to 0 by half a cosine, momentum 0.9.
 * constant: lr_max, momentum 0.9. range-test: range_test.h, never above lr_max, momentum 0.9.
 */
#ifndef CPS_MODEL_SCHEDULE_H
#define CPS_MODEL_SCHEDULE_H

#include <stdint.h>

#include "common/model/plan.h"

struct cps_hyper {
    double lr;
    double momentum;
};

/* Of step (0-based) of the whole run. */
struct cps_hyper cps_schedule_at(const struct cps_plan *plan, uint64_t step);

#endif
