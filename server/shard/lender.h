/*
 * A server of the block solver: owns its rows by row id, and lends them to the workers block by block. A state
 * machine without socket, clock or file.
 *
 *   PLAN -> the rows of its part of every block, in place order -> READY
 *   GRANT -> lends user blocks to their workers, movie blocks to the worker that trains them next
 *   RETURN of a block after step s -> lends it again for sub-epoch s once that is granted
 *   end of an epoch -> lends each movie block to all workers at once for validation
 *   EXCHANGE from the coordinator -> ROWS of movies, once all have been returned after that step
 *
 * Blocks are not requested: the plan determines which worker needs one next (common/model/blocks.h).
 * worker/block.md describes the protocol.
 */
#ifndef CPS_SERVER_SHARD_LENDER_H
#define CPS_SERVER_SHARD_LENDER_H

#include "common/drive/role.h"
#include "server/shard/table.h"

struct cps_lender; /* opaque */

/* Creates server number `server` (node 1 + server) of a job of `nodes` nodes. start (NULL: the initial values
 * of the plan) is borrowed. */
enum cps_status cps_lender_create(uint32_t server, uint32_t nodes, const struct cps_initial_rows *start,
                                  struct cps_lender **out);
void cps_lender_destroy(struct cps_lender **self);

/* The lender as a role for a driver; valid while self is. */
struct cps_role cps_lender_role(struct cps_lender *self);

#endif
