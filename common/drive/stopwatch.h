/*
 * Attributes the time of a rank to phases. The driver keeps one stopwatch per rank; its roles declare their
 * activity through their outboxes (cps_outbox_enter) and read the times
 * (cps_outbox_spent), without a clock of their own. Times are only recorded and never affect a
 * decision, so the curve does not depend on them.
 *
 * The clock is read once per message and once whenever a role changes its phase:
 * unattributed time goes to the first phase entered.
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

/* Adds the time since the last call to the current phase and switches to next.
 * Returns the current time (cps_clock_ns). */
uint64_t cps_stopwatch_book(struct cps_stopwatch *self, enum cps_phase next);

/* Switches to next, without reading the clock if the time since the last booking is not
 * attributed yet. */
void cps_stopwatch_enter(struct cps_stopwatch *self, enum cps_phase next);

#endif
