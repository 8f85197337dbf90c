/* The activities that a rank's time is attributed to, measured by the stopwatch (drive/stopwatch.h) and sent in
 * reports. */
#ifndef CPS_NET_PHASE_H
#define CPS_NET_PHASE_H

enum cps_phase {
    CPS_PHASE_OTHER,      /* everything else: set-up, grants, heartbeats */
    CPS_PHASE_WAIT,       /* nothing to handle */
    CPS_PHASE_COMPUTE,    /* a worker's steps: unpacking rows, errors, gradients, preparing the next exchange */
    CPS_PHASE_VALIDATION, /* a worker's errors of the validation ratings */
    CPS_PHASE_OPTIMIZER,  /* a server's exchanges: summing gradients, updates, catch-up, packing rows */
    CPS_PHASE_SAVE,       /* the coordinator's records */
    CPS_PHASE_SNAPSHOT,   /* copying a server's rows for a checkpoint and sending them */
    CPS_PHASES
};

#endif
