/*
 * Where the time of a rank goes. The driver keeps one stopwatch a rank; the roles on it say
 * through their outboxes what they are at (cps_outbox_enter), and read off what was spent
 * (cps_outbox_spent), without a clock of their own. Times lead to records only, never to a
 * decision: a curve does not depend on them.
 *
 * The clock is read once a message and once where a role changes its phase on the way:
 * time that nobody has claimed goes to the first phase entered.
 */
#ifndef CPS_DRIVE_STOPWATCH_H
#define CPS_DRIVE_STOPWATCH_H

#include <stdint.h>

#include "common/net/phase.h"

struct cps_stopwatch {
    uint64_t spent_ns[CPS_PHASES]; /* up to since_ns */
    uint64_t since_ns;
    enum cps_phase phase; /* of the time from then on */
};

/* Zeroes self and starts it in CPS_PHASE_OTHER. */
void cps_stopwatch_start(struct cps_stopwatch *self);

/* Books the time since the last call under the phase it was spent in, and goes on in next.
 * Returns the time it is (cps_clock_ns). */
uint64_t cps_stopwatch_book(struct cps_stopwatch *self, enum cps_phase next);

/* Goes on in next; without looking at the clock when the time since the last booking is
 * nobody's yet. */
void cps_stopwatch_enter(struct cps_stopwatch *self, enum cps_phase next);

#endif
