/*
 * Assigns this worker's samples to the steps of an epoch.
 *
 * The batches of an epoch come from one shuffle of all training samples: sample i has place P(i), and place p
 * belongs to step p / batch_size. P is a keyed bijection, so a worker computes the step of each of its own
 * samples without knowing the samples of other workers. Places after the last full batch are not trained. With
 * a replayed order the places are read from a table instead.
 */
#ifndef CPS_WORKER_BATCHES_H
#define CPS_WORKER_BATCHES_H

#include <stdbool.h>

#include "common/data/dataset.h"
#include "common/model/plan.h"

/* A recorded order: rows[steps][batch_size], 0-based numbers of training samples. */
struct cps_batch_order {
    const int32_t *rows;
    uint64_t steps, batch_size;
};

struct cps_batches {
    struct cps_plan plan;
    const struct cps_samples *samples; /* borrowed */
    struct cps_batch_order replay;     /* rows NULL: shuffle */
    uint32_t *sample_of;               /* replay: training sample -> place in samples + 1, or 0 */
    uint32_t *step_of;                 /* shuffle: [samples], scratch */
    uint32_t *order;                   /* places in samples, sorted by step */
    uint32_t *first;                   /* [steps_per_epoch + 1]: where each step begins in order */
    size_t order_capacity;
};

/* Initializes self for plan. replay (NULL: shuffle) and samples are borrowed. CPS_ERR_DATA when replay does not
 * fit the plan. */
enum cps_status cps_batches_init(struct cps_batches *self, const struct cps_plan *plan,
                                 const struct cps_samples *samples, const struct cps_batch_order *replay);
void cps_batches_release(struct cps_batches *self);

/* Computes which samples belong to which step of epoch. */
enum cps_status cps_batches_begin(struct cps_batches *self, uint32_t epoch);

/* Returns the number of this worker's samples in a step (0-based within the epoch begun last) and points *out
 * to their places in samples; *out is borrowed from self. */
static inline uint32_t cps_batches_step(const struct cps_batches *self, uint64_t step, const uint32_t **out)
{
    *out = self->order + self->first[step];
    return self->first[step + 1] - self->first[step];
}

/* The number of this worker's samples in step (0-based within the epoch) and in all later steps of the epoch.
 */
static inline uint64_t cps_batches_left(const struct cps_batches *self, uint64_t step)
{
    return self->first[cps_plan_steps_per_epoch(&self->plan)] - self->first[step];
}

#endif
