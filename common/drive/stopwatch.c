/*
 * The stopwatch of a rank; see stopwatch.h.
 *
 *   driver: book(OTHER) before a message, book(WAIT) after the last -> spent_ns
 *   role:   enter(COMPUTE), enter(VALIDATION) …  in between
 */
#include "common/drive/stopwatch.h"

#include "common/base/clock.h"

void cps_stopwatch_start(struct cps_stopwatch *self)
{
    *self = (struct cps_stopwatch){.since_ns = cps_clock_ns()};
}

uint64_t cps_stopwatch_book(struct cps_stopwatch *self, enum cps_phase next)
{
    uint64_t now_ns = cps_clock_ns();
    self->spent_ns[self->phase] += now_ns - self->since_ns;
    self->since_ns = now_ns;
    self->phase = next;
    return now_ns;
}

void cps_stopwatch_enter(struct cps_stopwatch *self, enum cps_phase next)
{
    if (self->phase == CPS_PHASE_OTHER)
        self->phase = next;
    else if (self->phase != next)
        cps_stopwatch_book(self, next);
}
