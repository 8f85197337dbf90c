/*
 * The deadline of a role's wait. A node may send heartbeats and yet fail to deliver a message that another
 * needs: then the run fails here, and the error names both nodes and the message. Each sign of progress of the
 * node waited for restarts the deadline.
 */
#ifndef CPS_DRIVE_WATCH_H
#define CPS_DRIVE_WATCH_H

#include "common/drive/role.h"
#include "common/net/route.h"

struct cps_watch {
    struct cps_awaited last;
    uint64_t progress; /* of the node waited for */
    bool waiting;
    uint64_t since_ns;
};

/* Checks the wait of role, if any, at time now_ns. progress[nodes] are the numbers of messages that each node
 * was last known to have handled. CPS_ERR_PEER if the wait exceeds its share of the peer timeout timeout_ns (0:
 * no limit). */
enum cps_status cps_watch_look(struct cps_watch *self, const struct cps_role *role,
                               const struct cps_route *route, const uint64_t *progress, uint64_t now_ns,
                               uint64_t timeout_ns);

#endif
