/* Counting sorts of samples by step; see batches.h. */
#include "worker/batches.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/permutation.h"
#include "common/base/random.h"

static enum cps_status check_replay(const struct cps_plan *plan, const struct cps_batch_order *replay)
{
    if (replay->batch_size != plan->batch_size || replay->steps != cps_plan_steps(plan)) {
        cps_fail(CPS_ERR_DATA, "the batch order has %llu steps of %llu samples, but the run has %llu of %u",
                 (unsigned long long)replay->steps, (unsigned long long)replay->batch_size,
                 (unsigned long long)cps_plan_steps(plan), plan->batch_size);
        return cps_hint(CPS_ERR_DATA, "--epochs and --batch-size must be those of the recording");
    }
    uint64_t count = replay->steps * replay->batch_size;
    for (uint64_t i = 0; i < count; i++)
        if (replay->rows[i] < 0 || (uint64_t)replay->rows[i] >= plan->train_count)
            return cps_fail(
                CPS_ERR_DATA,
                "the batch order names training sample %d in step %llu, but there are %llu (from 0)",
                replay->rows[i], (unsigned long long)(i / replay->batch_size),
                (unsigned long long)plan->train_count);
    return CPS_OK;
}

static enum cps_status init_replay(struct cps_batches *self)
{
    CPS_TRY(check_replay(&self->plan, &self->replay));
    CPS_TRY(
        cps_alloc("the places of samples", self->plan.train_count, sizeof *self->sample_of, &self->sample_of));
    for (uint64_t i = 0; i < self->samples->count; i++)
        self->sample_of[self->samples->index[i]] = (uint32_t)i + 1;
    return CPS_OK;
}

enum cps_status cps_batches_init(struct cps_batches *self, const struct cps_plan *plan,
                                 const struct cps_samples *samples, const struct cps_batch_order *replay)
{
    *self = (struct cps_batches){.plan = *plan, .samples = samples};
    CPS_TRY(cps_alloc("the steps of an epoch", cps_plan_steps_per_epoch(plan) + 1, sizeof *self->first,
                      &self->first));
    CPS_TRY(cps_grow("the order of an epoch", &self->order, &self->order_capacity, samples->count,
                     sizeof *self->order));
    if (replay) {
        self->replay = *replay;
        return init_replay(self);
    }
    return cps_alloc("the steps of samples", samples->count, sizeof *self->step_of, &self->step_of);
}

void cps_batches_release(struct cps_batches *self)
{
    free(self->sample_of);
    free(self->step_of);
    free(self->order);
    free(self->first);
    *self = (struct cps_batches){0};
}

/* Turns the counts in first[1..steps] into starts: step s begins at first[s+1]. The fill then advances each
 * entry by its count, after which step s begins at first[s]. */
static void starts_from_counts(uint32_t *first, uint64_t steps)
{
    uint32_t start = 0;
    for (uint64_t s = 1; s <= steps; s++) {
        uint32_t count = first[s];
        first[s] = start;
        start += count;
    }
    first[0] = 0;
}

static void shuffle(struct cps_batches *self, uint32_t epoch)
{
    const struct cps_samples *samples = self->samples;
    uint64_t steps = cps_plan_steps_per_epoch(&self->plan);
    uint32_t batch_size = self->plan.batch_size;
    struct cps_permutation permutation;
    cps_permutation_init(&permutation, self->plan.seed, CPS_RANDOM_SHUFFLE, epoch, self->plan.train_count);
    cps_permutation_forward_all(&permutation, samples->index, samples->count, self->step_of);
    for (uint64_t i = 0; i < samples->count; i++) {
        uint32_t step = self->step_of[i] / batch_size;
        self->step_of[i] = step;
        if (step < steps)
            self->first[step + 1]++;
    }
    starts_from_counts(self->first, steps);
    for (uint64_t i = 0; i < samples->count; i++)
        if (self->step_of[i] < steps)
            self->order[self->first[self->step_of[i] + 1]++] = (uint32_t)i;
}

static enum cps_status replay(struct cps_batches *self, uint32_t epoch)
{
    uint64_t steps = cps_plan_steps_per_epoch(&self->plan);
    uint32_t batch_size = self->plan.batch_size;
    const int32_t *rows = self->replay.rows + (uint64_t)epoch * steps * batch_size;
    uint64_t total = 0;
    for (uint64_t p = 0; p < steps * batch_size; p++)
        if (self->sample_of[rows[p]]) {
            self->first[p / batch_size + 1]++;
            total++;
        }
    CPS_TRY(cps_grow("the order of an epoch", &self->order, &self->order_capacity, total, sizeof *self->order));
    starts_from_counts(self->first, steps);
    for (uint64_t p = 0; p < steps * batch_size; p++)
        if (self->sample_of[rows[p]])
            self->order[self->first[p / batch_size + 1]++] = self->sample_of[rows[p]] - 1;
    return CPS_OK;
}

enum cps_status cps_batches_begin(struct cps_batches *self, uint32_t epoch)
{
    memset(self->first, 0, (cps_plan_steps_per_epoch(&self->plan) + 1) * sizeof *self->first);
    if (self->replay.rows)
        return replay(self, epoch);
    shuffle(self, epoch);
    return CPS_OK;
}
