/*
 * Where two runs part: the first recorded loss in which one is not like the other.
 *
 *   step losses 0, 1, 2, …     the earliest of them that differs, or
 *   epoch losses 0, 1, 2, …    where no step before its end does (or none were recorded), or
 *   hashes of curve and model  where both runs were complete and no loss differs
 *
 * Losses are compared as they are recorded, to nine digits, which tell any two floats apart.
 */
#ifndef CPS_DEPLOY_PARTING_H
#define CPS_DEPLOY_PARTING_H

#include "common/store/run_reader.h"

enum cps_parting_kind {
    CPS_PARTING_NONE,
    CPS_PARTING_STEP,
    CPS_PARTING_TRAIN_LOSS,
    CPS_PARTING_VALID_LOSS,
    CPS_PARTING_CURVE_HASH,
    CPS_PARTING_MODEL_HASH
};

struct cps_parting {
    enum cps_parting_kind kind;
    uint64_t step, epoch;   /* 0-based, as in the files; epoch of a loss, step of a step's */
    double recorded, now;   /* losses; NaN where validation took place in one of the runs only */
    uint64_t steps, epochs; /* that both runs have, and which were compared */
};

void cps_parting_find(const struct cps_run_reader *recorded, const struct cps_run_reader *now,
                      struct cps_parting *out);

#endif
