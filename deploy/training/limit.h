/* An observer that lets another see a run, but ends it after so many epochs. */
#ifndef CPS_DEPLOY_TRAINING_LIMIT_H
#define CPS_DEPLOY_TRAINING_LIMIT_H

#include "server/coordinator/coordinator.h"

struct cps_limit {
    uint32_t epochs; /* 0: no limit */
    bool reached;    /* the run was ended because of it, with CPS_ERR_INTERRUPTED */
    struct cps_observer next;
};

/* Stands before next, which is copied; self is borrowed for the life of the observer. */
struct cps_observer cps_limit_observer(struct cps_limit *self, const struct cps_observer *next);

#endif
