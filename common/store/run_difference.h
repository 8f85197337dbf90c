/*
 * The first recorded loss in which two runs differ.
 *
 *   step losses 0, 1, 2, …     the earliest of them that differs, or
 *   epoch losses 0, 1, 2, …    if no step before its end differs (or none were recorded), or
 *   hashes of curve and model  if both runs are complete and no loss differs
 *
 * Losses are compared as recorded, with nine digits, which identify any float.
 */
#ifndef CPS_STORE_RUN_DIFFERENCE_H
#define CPS_STORE_RUN_DIFFERENCE_H

#include "common/store/run_reader.h"

enum cps_run_difference_kind {
    CPS_RUN_DIFFERENCE_NONE,
    CPS_RUN_DIFFERENCE_STEP,
    CPS_RUN_DIFFERENCE_TRAIN_LOSS,
    CPS_RUN_DIFFERENCE_VALID_LOSS,
    CPS_RUN_DIFFERENCE_CURVE_HASH,
    CPS_RUN_DIFFERENCE_MODEL_HASH
};

struct cps_run_difference {
    enum cps_run_difference_kind kind;
    uint64_t step, epoch;   /* 0-based, as in the files; epoch of a loss, step of a step's */
    double recorded, now;   /* losses; NaN where validation took place in one of the runs only */
    uint64_t steps, epochs; /* the numbers that both runs have and that were compared */
};

void cps_run_difference_find(const struct cps_run_reader *recorded, const struct cps_run_reader *now,
                             struct cps_run_difference *out);

#endif
