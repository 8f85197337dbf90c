/*
 * Signals as flags that the driver and the collectives check.
 *
 *     SIGINT, SIGTERM, SIGUSR2   save a checkpoint and end; a second Ctrl-C ends without waiting for it
 *     SIGUSR1                    save a checkpoint
 *     SIGTERM under launch.sh    sent by mpirun, which lost a rank and ends the job
 */
#ifndef CPS_DEPLOY_TRAINING_SIGNALS_H
#define CPS_DEPLOY_TRAINING_SIGNALS_H

#include <signal.h>

struct cps_signals {
    volatile sig_atomic_t interrupted;
    volatile sig_atomic_t save_asked; /* number of requests for a checkpoint */
    volatile sig_atomic_t torn_down;  /* the launcher is ending the job */
};

/* Ignores the signals of failed writes, so that write() returns an error instead. */
void cps_signals_ignore(void);

/* Installs handlers for the signals above. The result is static. */
const struct cps_signals *cps_signals_catch(void);

#endif
