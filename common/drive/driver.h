/*
 * Runs the nodes of one rank until all are done: moves messages between them in memory,
 * and to and from other ranks by transports.
 *
 * Besides moving messages it
 * - calls every role's on_tick about every 10 ms, and passes the user's interrupt to the coordinator;
 * - sends a HEARTBEAT once a second, or four times in peer_timeout_ns if that is shorter: from every node to
 * the coordinator, whose role detects lost nodes, from the coordinator to every node, and between nodes that
 * exchange messages, where the driver handles them;
 * - makes a reliable channel (channel.h) of transports that may lose and duplicate frames;
 * - fails with CPS_ERR_PEER on a rank that has not heard from the coordinator within the timeout, or whose role
 * has waited too long for another node (watch.h);
 * - reports a role's error: FAIL to the coordinator, or STOP to all nodes if it is the coordinator's.
 */
#ifndef CPS_DRIVE_DRIVER_H
#define CPS_DRIVE_DRIVER_H

#include <signal.h>

#include "common/drive/role.h"
#include "common/net/route.h"
#include "common/net/transport.h"

struct cps_driver; /* opaque */

struct cps_driver_options {
    struct cps_route route;
    uint64_t run_id;
    struct cps_buffer_pool *pool;             /* borrowed, as are the transports */
    struct cps_transport *control;            /* to other ranks; NULL when there are none */
    struct cps_transport *bulk;               /* EXCHANGE and ROWS to other ranks; NULL: by control */
    uint64_t peer_timeout_ns;                 /* 0: wait for ever */
    bool crowded;                             /* ranks far outnumber the processors of this host */
    const volatile sig_atomic_t *interrupted; /* set by a signal handler; NULL for none */
    const volatile sig_atomic_t *save_asked;  /* counted up by one; likewise */
    const volatile sig_atomic_t
        *torn_down; /* the launcher ends the job, now, because a rank was lost; likewise */
};

/* roles: one for every node of the rank; copied, but what they point to is borrowed. */
enum cps_status cps_driver_create(const struct cps_driver_options *options, const struct cps_role *roles,
                                  uint32_t role_count, struct cps_driver **out);
void cps_driver_destroy(struct cps_driver **self);

/* Returns when every node of the rank is done, with the first error any of them had (and
 * its sentence as the last error), or when the coordinator was lost. */
enum cps_status cps_driver_run(struct cps_driver *self);

/* Nanoseconds of the run spent handling messages and ticks, and waiting for them. */
void cps_driver_times(const struct cps_driver *self, uint64_t *busy_ns, uint64_t *idle_ns);

/* Messages between nodes of this rank. Their bytes are those of the payloads, which are not copied. */
const struct cps_transport_counters *cps_driver_local_counters(const struct cps_driver *self);

#endif
