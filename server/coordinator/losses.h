/*
 * Collects step losses from the workers, and returns them complete and in order.
 */
#ifndef CPS_SERVER_COORDINATOR_LOSSES_H
#define CPS_SERVER_COORDINATOR_LOSSES_H

#include <stdbool.h>

#include "common/model/exact.h"
#include "common/net/message.h"

struct cps_losses {
    struct cps_step_sum {
        cps_int128 sum;
        uint64_t ratings; /* where they are counted */
        uint32_t reports; /* workers heard */
    } * window;           /* of steps first, first + 1, … */
    size_t count, capacity;
    size_t taken;   /* of the window */
    uint64_t first; /* step of window[0] */
};

/* All zeroes begins with step 0; this with a later one, before anything is added. */
static inline void cps_losses_begin_at(struct cps_losses *self, uint64_t step)
{
    self->first = step;
}

void cps_losses_release(struct cps_losses *self);

/* Adds one worker's sums for steps first_step .. first_step + steps - 1, and how many ratings went into each
 * (NULL: not counted). */
enum cps_status cps_losses_add(struct cps_losses *self, uint64_t first_step, uint32_t steps,
                               const struct cps_loss_sum *sums, const uint64_t *ratings);

/* The number of workers, out of `workers`, that have reported step. */
uint32_t cps_losses_reports(const struct cps_losses *self, uint64_t step, uint32_t workers);

/* The next step in order, once all `workers` have reported it. */
bool cps_losses_take(struct cps_losses *self, uint32_t workers, uint64_t *step, cps_int128 *sum,
                     uint64_t *ratings);

#endif
