/* An observer that forwards all calls to another observer and ends the run after a number of epochs. */
#ifndef CPS_DEPLOY_TRAINING_LIMIT_H
#define CPS_DEPLOY_TRAINING_LIMIT_H

#include "server/coordinator/coordinator.h"

struct cps_limit {
    uint32_t epochs; /* 0: no limit */
    bool reached;    /* the limit ended the run, with CPS_ERR_INTERRUPTED */
    struct cps_observer next;
};

/* Returns the observer, which forwards to next. next is copied; self is borrowed for the observer's life. */
struct cps_observer cps_limit_observer(struct cps_limit *self, const struct cps_observer *next);

#endif
