/*
 * The arithmetic between the rows of a gather and their gradients, shared out among the threads of a team:
 * scores, errors, slopes. Samples are cut into pieces; sums of errors are exact, so that the cut leaves no
 * trace.
 */
#ifndef CPS_WORKER_SCORES_H
#define CPS_WORKER_SCORES_H

#include "common/base/team.h"
#include "common/model/kernels.h"
#include "common/model/residual.h"
#include "worker/gather.h"

struct cps_scores {
    struct cps_plan plan;
    const struct cps_kernels *kernels;
    struct cps_team *team; /* borrowed */
    float *score, *slope;  /* [samples] of the last gather */
    size_t score_capacity, slope_capacity;
};

void cps_scores_init(struct cps_scores *self, const struct cps_plan *plan, const struct cps_kernels *kernels,
                     struct cps_team *team);
void cps_scores_release(struct cps_scores *self);

/* Scores of gather's samples and, for a step, the slopes of the loss by them; *sum gains their squared errors.
 * *good is the number of samples, or the first whose error is out of range. */
enum cps_status cps_scores_train(struct cps_scores *self, const struct cps_gather *gather, cps_int128 *sum,
                                 size_t *good);

/* As above for validation ratings. */
enum cps_status cps_scores_validate(struct cps_scores *self, const struct cps_gather *gather,
                                    struct cps_error_sums *sums, size_t *good);

#endif
