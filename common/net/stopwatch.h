/*
 * Where the time of a rank goes. The driver keeps one stopwatch a rank; the roles on it say
 * through their outboxes what they are at (cps_outbox_enter), and read off what was spent
 * (cps_outbox_spent), without a clock of their own. Times lead to records only, never to a
 * decision: a curve does not depend on them.
 *
 * The clock is read once a message and once where a role changes its phase on the way:
 * time that nobody has claimed goes to the first phase entered.
 */
#ifndef CPS_NET_STOPWATCH_H
#define CPS_NET_STOPWATCH_H

#include <stdint.h>

enum cps_phase {
    CPS_PHASE_OTHER,      /* not claimed: set-up, grants, heartbeats */
    CPS_PHASE_WAIT,       /* nothing to handle */
    CPS_PHASE_COMPUTE,    /* a worker's steps: taking rows in, errors, gradients, laying out the next round */
    CPS_PHASE_VALIDATION, /* a worker's errors of the validation ratings */
    CPS_PHASE_OPTIMIZER, /* a server's exchanges: adding gradients up, updates, catching up, handing rows out */
    CPS_PHASE_SAVE,      /* the coordinator's records */
    CPS_PHASES
};

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
