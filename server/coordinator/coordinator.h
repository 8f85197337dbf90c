/*
 * The coordinator: decides the plan, sees that all workers read the same data, grants
 * steps with their learning rate and momentum, adds up the losses, and at the end reads
 * the model from the servers. A state machine without socket, clock or file: what it
 * finds out it tells an observer.
 *
 *   HELLO of all -> PLAN;  READY of all -> GRANT …;  REPORT -> losses, more grants
 *   last epoch complete -> reads all rows -> STOP
 *   on its way: checkpoints (saves.h), whose rows go to a sink; FETCH of a server that begins
 *   in the middle of a run -> STATE, out of one
 */
#ifndef CPS_SERVER_COORDINATOR_COORDINATOR_H
#define CPS_SERVER_COORDINATOR_COORDINATOR_H

#include "common/drive/role.h"
#include "common/net/route.h"
#include "server/coordinator/observer.h"
#include "server/coordinator/saves.h"

/* What a run says that is told to end before it trains: CPS_ERR_PREEMPTED, as nothing is lost. */
#define CPS_STOPPED_STARTING                                                                                   \
    "stopped before the first step: there is nothing to save, and it can be started again"
#define CPS_STOPPED_RESUMING "stopped before it went on: its checkpoints are as they were"

/* A run to go on with: what a checkpoint's mark said, and its rows. */
struct cps_restart {
    struct cps_save_mark mark;
    const void *context;
    /* The saved state of keys first_key, first_key + stride, …: out[count][cps_plan_state_words]. */
    void (*rows)(const void *context, uint32_t first_key, uint32_t stride, uint32_t count, uint32_t *out);
    /* All servers have theirs. May be NULL. */
    void (*done)(const void *context);
};

struct cps_coordinator; /* opaque */

/* For plan; fingerprint is that of the data the coordinator knows. observer is copied,
 * its context borrowed. A node that is silent for peer_timeout_ns (0: any time) is lost:
 * CPS_ERR_PEER. CPS_ERR_DATA when the plan has no full batch to train. */
enum cps_status cps_coordinator_create(const struct cps_plan *plan, const uint8_t fingerprint[CPS_SHA256_BYTES],
                                       const struct cps_observer *observer, uint64_t peer_timeout_ns,
                                       struct cps_coordinator **out);
/* Lets errors about a node name its rank and host, as route (borrowed) has them. */
void cps_coordinator_name_nodes(struct cps_coordinator *self, const struct cps_route *route);

void cps_coordinator_destroy(struct cps_coordinator **self);

/* Begins with the state of restart (copied, its context borrowed) in place of the first step. Before the
 * first message; CPS_ERR_DATA for a state that plan cannot have. */
enum cps_status cps_coordinator_restart(struct cps_coordinator *self, const struct cps_restart *restart);

/* Hands checkpoints to sink, which is copied, its context borrowed: those of the plan's save_every, and
 * those asked for by a signal. Before the first message. */
enum cps_status cps_coordinator_save_to(struct cps_coordinator *self, const struct cps_save_sink *sink);

/* The coordinator as a role for a driver; valid while self is. */
struct cps_role cps_coordinator_role(struct cps_coordinator *self);

#endif
