/*
 * Scores, errors and slopes of the samples of a gather, computed by the threads of a team. Each thread takes
 * some of the samples; sums of errors are exact, so the result does not depend on the number of threads.
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

/* Computes the scores of gather's samples and the slopes of the loss with respect to them, and adds their
 * squared errors to *sum. *good is the number of samples, or the first sample whose error is out of range. */
enum cps_status cps_scores_train(struct cps_scores *self, const struct cps_gather *gather, cps_int128 *sum,
                                 size_t *good);

/* Computes the scores of gather's samples, which are validation ratings, and adds their errors to *sums. *good
 * is as above. */
enum cps_status cps_scores_validate(struct cps_scores *self, const struct cps_gather *gather,
                                    struct cps_error_sums *sums, size_t *good);

#endif
