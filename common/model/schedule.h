/*
 * The learning rate and momentum of every step, functions of the plan alone.
 *
 * one-cycle: fastai's fit_one_cycle (Smith and Topin, "Super-convergence", 2019; the
 * cosine phases and constants of fastai.callback.schedule): for a quarter of the run lr
 * rises from lr_max/25 to lr_max while momentum falls from 0.95 to 0.85; then lr falls to lr_max/1e5
 * and momentum rises to 0.95. cosine: lr falls from lr_max to 0 along half a cosine, momentum 0.9.
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

/* The values for step, counted from 0 over the whole run. */
struct cps_hyper cps_schedule_at(const struct cps_plan *plan, uint64_t step);

#endif
