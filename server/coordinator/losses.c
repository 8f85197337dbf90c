/* A sliding window of step losses; see losses.h. */
#include "server/coordinator/losses.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_losses_release(struct cps_losses *self)
{
    free(self->window);
    *self = (struct cps_losses){0};
}

/* Drops the steps already taken from the front once they are half of the window. */
static void slide(struct cps_losses *self)
{
    if (self->taken < 1024 || self->taken < self->count / 2)
        return;
    self->count -= self->taken;
    memmove(self->window, self->window + self->taken, self->count * sizeof *self->window);
    self->first += self->taken;
    self->taken = 0;
}

enum cps_status cps_losses_add(struct cps_losses *self, uint64_t first_step, uint32_t steps,
                               const struct cps_loss_sum *sums, const uint64_t *ratings)
{
    slide(self);
    if (first_step < self->first + self->taken)
        return cps_fail(CPS_ERR_PEER, "a worker reported step %llu again", (unsigned long long)first_step);
    size_t start = first_step - self->first, end = start + steps;
    CPS_TRY(cps_grow("step losses", &self->window, &self->capacity, end, sizeof *self->window));
    for (; self->count < end; self->count++)
        self->window[self->count] = (struct cps_step_sum){0};
    for (uint32_t i = 0; i < steps; i++) {
        self->window[start + i].sum = cps_loss_add(self->window[start + i].sum, cps_loss_sum_value(sums[i]));
        self->window[start + i].ratings += ratings ? ratings[i] : 0;
        self->window[start + i].reports++;
    }
    return CPS_OK;
}

uint32_t cps_losses_reports(const struct cps_losses *self, uint64_t step, uint32_t workers)
{
    if (step < self->first + self->taken)
        return workers;
    return step - self->first < self->count ? self->window[step - self->first].reports : 0;
}

bool cps_losses_take(struct cps_losses *self, uint32_t workers, uint64_t *step, cps_int128 *sum,
                     uint64_t *ratings)
{
    if (self->taken == self->count || self->window[self->taken].reports < workers)
        return false;
    *step = self->first + self->taken;
    *ratings = self->window[self->taken].ratings;
    *sum = self->window[self->taken++].sum;
    return true;
}
