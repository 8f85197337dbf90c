/* What the time of a rank goes to; the stopwatch (drive/stopwatch.h) measures it and reports carry it. */
#ifndef CPS_NET_PHASE_H
#define CPS_NET_PHASE_H

enum cps_phase {
    CPS_PHASE_OTHER,      /* not claimed: set-up, grants, heartbeats */
    CPS_PHASE_WAIT,       /* nothing to handle */
    CPS_PHASE_COMPUTE,    /* a worker's steps: taking rows in, errors, gradients, laying out the next round */
    CPS_PHASE_VALIDATION, /* a worker's errors of the validation ratings */
    CPS_PHASE_OPTIMIZER, /* a server's exchanges: adding gradients up, updates, catching up, handing rows out */
    CPS_PHASE_SAVE,      /* the coordinator's records */
    CPS_PHASE_SNAPSHOT,  /* a server's rows, copied for a checkpoint and handed out */
    CPS_PHASES
};

#endif
