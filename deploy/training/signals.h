/*
 * Signals, as flags that the driver and the collectives look at.
 *
 *     SIGINT, SIGTERM, SIGUSR2   a checkpoint, and the end; a second Ctrl-C does not wait for it
 *     SIGUSR1                    a checkpoint
 *     SIGTERM under launch.sh    mpirun's own: a rank was lost, and it ends the job
 */
#ifndef CPS_DEPLOY_TRAINING_SIGNALS_H
#define CPS_DEPLOY_TRAINING_SIGNALS_H

#include <signal.h>

struct cps_signals {
    volatile sig_atomic_t interrupted;
    volatile sig_atomic_t save_asked; /* counted up by one */
    volatile sig_atomic_t torn_down;  /* the launcher ends the job, now */
};

/* Makes what cannot be written an error of the write, and no signal. */
void cps_signals_ignore(void);

/* Catches the others from now on. The result is the process's own, and stays. */
const struct cps_signals *cps_signals_catch(void);

#endif
