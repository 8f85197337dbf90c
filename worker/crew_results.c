/* See crew_results.h. */
#include "worker/crew_results.h"

#include <stdlib.h>

#include "common/base/memory.h"

enum cps_status cps_crew_results_init(struct cps_crew_results *self, const struct cps_plan *plan, uint32_t own)
{
    *self = (struct cps_crew_results){
        .blocks = plan->blocks, .own = own, .validates = plan->valid_count > 0, .taken = plan->first_step};
    self->validating = self->valid_taken =
        (uint32_t)((plan->first_step - plan->validates_first) / plan->blocks);
    return cps_alloc("sums of sub-epochs", 2 * (size_t)self->blocks, sizeof *self->steps, &self->steps);
}

void cps_crew_results_release(struct cps_crew_results *self)
{
    free(self->steps);
    self->steps = NULL;
}

static struct cps_step_result *result_of(const struct cps_crew_results *self, uint64_t step)
{
    return &self->steps[step % (2 * self->blocks)];
}

void cps_crew_results_add_block(struct cps_crew_results *self, const struct cps_hand_block *block)
{
    struct cps_step_result *result = result_of(self, block->step);
    result->sum.squared = cps_loss_add(result->sum.squared, block->squared);
    result->sum.ratings += (uint64_t)(block->end - block->begin);
    result->sum.wild |= block->wild;
    result->blocks++;
}

static void begin_next_epoch(struct cps_crew_results *self)
{
    self->validating++;
    self->validated = 0;
}

void cps_crew_results_add_valid(struct cps_crew_results *self, uint32_t count,
                                const struct cps_error_sums *sums, bool fine)
{
    self->valid_wild |= !fine;
    self->valid.squared = cps_loss_add(self->valid.squared, sums->squared);
    self->valid.absolute = cps_loss_add(self->valid.absolute, sums->absolute);
    self->validated += count;
    if (self->validated == self->blocks)
        begin_next_epoch(self);
}

bool cps_crew_results_take_step(struct cps_crew_results *self, uint64_t granted, uint64_t *step,
                                struct cps_crew_step *out)
{
    struct cps_step_result *result = result_of(self, self->taken);
    if (result->blocks < self->own || self->taken == granted)
        return false;
    *step = self->taken++;
    *out = result->sum;
    *result = (struct cps_step_result){.blocks = 0};
    return true;
}

bool cps_crew_results_take_valid(struct cps_crew_results *self, uint32_t *epoch, struct cps_error_sums *out,
                                 bool *wild)
{
    if (!self->validates && self->taken == cps_crew_results_epoch_end(self))
        begin_next_epoch(self);
    if (self->valid_taken == self->validating)
        return false;
    *epoch = self->valid_taken++;
    *out = self->valid;
    *wild = self->valid_wild;
    self->valid_wild = false;
    self->valid = (struct cps_error_sums){0};
    return true;
}
