/*
 * A deadline on what a role waits for. A node may be alive, heard every second, and yet owe what another
 * cannot go on without: then the wait ends here, and the error names who owes what to whom. While the owing
 * node gets on with other things, the wait begins anew.
 */
#ifndef CPS_DRIVE_WATCH_H
#define CPS_DRIVE_WATCH_H

#include "common/drive/role.h"
#include "common/net/route.h"

struct cps_watch {
    struct cps_awaited last;
    uint64_t progress; /* of the owing node */
    bool waiting;
    uint64_t since_ns;
};

/* Looks at what role awaits, if anything, at time now_ns. progress [nodes]: how many messages each node was
 * last known to have handled. CPS_ERR_PEER when the wait has lasted too long, by the peer timeout (0: for
 * ever). */
enum cps_status cps_watch_look(struct cps_watch *self, const struct cps_role *role,
                               const struct cps_route *route, const uint64_t *progress, uint64_t now_ns,
                               uint64_t timeout_ns);

#endif
