/*
 * Which of this worker's samples belong to which step.
 *
 * The batches of an epoch are those of one shuffle of all training samples: sample i is
 * at place P(i), and place p is in step p / batch_size. P is a keyed bijection, so a
 * worker finds the step of each of its own samples without hearing of the others; places
 * behind the last full batch are not trained. With a replayed order the places are read
 * from a table instead.
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
    uint32_t *order;                   /* places in samples, by step */
    uint32_t *first;                   /* [steps_per_epoch + 1]: where each step begins in order */
    size_t order_capacity;
};

/* replay (NULL: shuffle) and samples are borrowed. CPS_ERR_DATA when replay does not fit
 * the plan. */
enum cps_status cps_batches_init(struct cps_batches *self, const struct cps_plan *plan,
                                 const struct cps_samples *samples, const struct cps_batch_order *replay);
void cps_batches_release(struct cps_batches *self);

/* Lays out the steps of an epoch. */
enum cps_status cps_batches_begin(struct cps_batches *self, uint32_t epoch);

/* This worker's samples of a step of that epoch (0-based within it): how many, and their
 * places in samples. */
static inline uint32_t cps_batches_step(const struct cps_batches *self, uint64_t step, const uint32_t **out)
{
    *out = self->order + self->first[step];
    return self->first[step + 1] - self->first[step];
}

/* How many of this worker's samples are in that step and those behind it. */
static inline uint64_t cps_batches_left(const struct cps_batches *self, uint64_t step)
{
    return self->first[cps_plan_steps_per_epoch(&self->plan)] - self->first[step];
}

#endif
