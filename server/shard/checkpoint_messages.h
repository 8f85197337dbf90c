/* What both kinds of server (server.h, lender.h) send in the same way when a checkpoint is made or restored. */
#ifndef CPS_SERVER_SHARD_CHECKPOINT_MESSAGES_H
#define CPS_SERVER_SHARD_CHECKPOINT_MESSAGES_H

#include "common/drive/outbox.h"
#include "common/model/plan.h"

/* Sends what follows once the first `restored` rows of server are in place: FETCH for the next rows of the
 * checkpoint that the run resumes from, or READY if none are left or plan starts at step 0. */
enum cps_status cps_send_restore(const struct cps_plan *plan, uint32_t server, uint32_t restored,
                                 struct cps_outbox *outbox);

/* Sends KEPT: the outcome of the coordinator's request, and the step at which the rows are. */
enum cps_status cps_send_kept(enum cps_snapshot_action action, uint64_t step, struct cps_outbox *outbox);

/* Adds the reply to FETCH: *out is a STATE message whose payload [asked->rows][state words] the caller fills.
 * kept: server has a complete copy of the rows of asked->step. CPS_ERR_PEER if it has none, or not these rows. */
enum cps_status cps_send_state(const struct cps_plan *plan, uint32_t server, const struct cps_state *asked,
                               bool kept, struct cps_outbox *outbox, struct cps_message **out);

#endif
