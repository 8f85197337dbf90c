/*
 * The coordinator: makes the plan, checks that all workers read the same data, grants
 * steps with their learning rate and momentum, sums the losses, and at the end reads
 * the model from the servers. A state machine without socket, clock or file, which reports
 * results to an observer.
 *
 *   HELLO of all -> PLAN;  READY of all -> GRANT …;  REPORT -> losses, more grants
 *   last epoch complete -> reads all rows -> STOP
 *   meanwhile: checkpoints (saves.h), whose rows go to a sink; in a resumed run, FETCH of a
 *   server -> STATE, from a checkpoint
 */
#ifndef CPS_SERVER_COORDINATOR_COORDINATOR_H
#define CPS_SERVER_COORDINATOR_COORDINATOR_H

#include "common/drive/role.h"
#include "common/net/route.h"
#include "server/coordinator/observer.h"
#include "server/coordinator/saves.h"

/* The message of a run stopped before it trains; its status is CPS_ERR_PREEMPTED, as nothing is lost. */
#define CPS_STOPPED_STARTING                                                                                   \
    "stopped before the first step: there is nothing to save, and it can be started again"
#define CPS_STOPPED_RESUMING "stopped before it went on: its checkpoints are as they were"

/* The state of a run to resume: a checkpoint's mark and its rows. */
struct cps_restart {
    struct cps_save_mark mark;
    const void *context;
    /* The saved state of keys first_key, first_key + stride, …: out[count][cps_plan_state_words]. */
    void (*rows)(const void *context, uint32_t first_key, uint32_t stride, uint32_t count, uint32_t *out);
    /* Called once all servers have their rows. May be NULL. */
    void (*done)(const void *context);
};

struct cps_coordinator; /* opaque */

/* Creates a coordinator for plan; fingerprint is that of its data. observer is copied,
 * its context borrowed. Fails the run with CPS_ERR_PEER when a node is silent for peer_timeout_ns (0: no
 * limit). CPS_ERR_DATA if the training ratings do not fill a batch. */
enum cps_status cps_coordinator_create(const struct cps_plan *plan, const uint8_t fingerprint[CPS_SHA256_BYTES],
                                       const struct cps_observer *observer, uint64_t peer_timeout_ns,
                                       struct cps_coordinator **out);
/* Makes errors about a node name its rank and host, taken from route (borrowed). */
void cps_coordinator_name_nodes(struct cps_coordinator *self, const struct cps_route *route);

void cps_coordinator_destroy(struct cps_coordinator **self);

/* Starts from the state of restart (copied, its context borrowed) instead of the first step. Call it before the
 * first message. CPS_ERR_DATA if the state does not match the plan. */
enum cps_status cps_coordinator_restart(struct cps_coordinator *self, const struct cps_restart *restart);

/* Sends checkpoints, those of the plan's save_every and those requested by a signal, to sink, which is copied,
 * its context borrowed. Call it before the first message. */
enum cps_status cps_coordinator_save_to(struct cps_coordinator *self, const struct cps_save_sink *sink);

/* The coordinator as a role for a driver; valid while self is. */
struct cps_role cps_coordinator_role(struct cps_coordinator *self);

#endif
