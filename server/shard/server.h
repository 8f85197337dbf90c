/*
 * A parameter server: holds its share of the rows, sums the gradients that the workers push for a step, trains
 * once all workers have pushed, and answers their pulls. A state machine without socket, clock or file.
 *
 *   PLAN -> table, READY          GRANT -> hyper-parameters of more steps
 *   EXCHANGE (push t-1, pull t) from every worker -> train step t-1 -> ROWS to each
 *   PLAN with first_step > 0 -> FETCH -> STATE, until all rows have arrived -> READY
 *   SNAPSHOT, or the plan's save_every -> KEPT;   FETCH -> STATE of the rows kept
 */
#ifndef CPS_SERVER_SHARD_SERVER_H
#define CPS_SERVER_SHARD_SERVER_H

#include "common/base/team.h"
#include "common/drive/role.h"
#include "common/model/kernels.h"
#include "server/shard/table.h"

struct cps_server; /* opaque */

/* Creates server number `server` (node 1 + server) of a job of `nodes` nodes. start (NULL: the initial values
 * of the plan), kernels and team, whose threads share the rows of a step, are borrowed. */
enum cps_status cps_server_create(uint32_t server, uint32_t nodes, const struct cps_kernels *kernels,
                                  const struct cps_initial_rows *start, struct cps_team *team,
                                  struct cps_server **out);
void cps_server_destroy(struct cps_server **self);

/* The server as a role for a driver; valid while self is. */
struct cps_role cps_server_role(struct cps_server *self);

#endif
