/*
 * A worker: holds its shard of the ratings, pulls the rows that its part of each batch needs, computes the
 * gradients and pushes them. A state machine without socket, clock or file.
 *
 *   PLAN -> READY;  the GRANT that reaches its first step -> begin
 *   rows of step t -> errors, gradients -> EXCHANGE (push t, pull t+1) to every server
 *   after an epoch's last step the exchange also reads the rows of the validation
 *   ratings; their squared errors go to the coordinator with those of the steps
 */
#ifndef CPS_WORKER_WORKER_H
#define CPS_WORKER_WORKER_H

#include "common/base/team.h"
#include "common/data/dataset.h"
#include "common/drive/role.h"
#include "common/model/kernels.h"
#include "worker/batches.h"

struct cps_worker; /* opaque */

/* Creates the worker that is node `node` of a job. dataset (this worker's shard), kernels, replay (NULL:
 * shuffle) and team, whose threads share the samples of a step, are borrowed. */
enum cps_status cps_worker_create(uint32_t node, const struct cps_dataset *dataset,
                                  const struct cps_kernels *kernels, const struct cps_batch_order *replay,
                                  struct cps_team *team, struct cps_worker **out);
void cps_worker_destroy(struct cps_worker **self);

/* The worker as a role for a driver; valid while self is. */
struct cps_role cps_worker_role(struct cps_worker *self);

#endif
