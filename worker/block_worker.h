/*
 * A worker of the block solver: holds the sorted ratings of its user blocks, leases the rows of these blocks
 * from the servers, and trains them with each movie block that it is lent. A state machine without socket,
 * clock or file; its threads (crew.h) access only rows.
 *
 *   PLAN -> sorts its ratings, unless they are sorted while others are trained -> READY;  GRANT -> learning
 * rates of the next sub-epochs LEND -> a block has arrived: train it when its turn comes, or validate with it
 *   a block is done -> RETURN;  a sub-epoch or the validation of an epoch is done -> REPORT
 *   EXCHANGE from the coordinator -> ROWS of users, once all blocks here have been trained up to that step
 */
#ifndef CPS_WORKER_BLOCK_WORKER_H
#define CPS_WORKER_BLOCK_WORKER_H

#include "common/data/dataset.h"
#include "common/drive/role.h"
#include "common/model/kernels.h"

struct cps_block_worker; /* opaque */

/* Creates the worker that is node `node` of a job. dataset (the samples of this worker's user blocks) and
 * kernels are borrowed. threads includes the thread that drives the role. memory_bytes is how much
 * memory sorted ratings may take; those of a prepared set that exceed it lie in a temporary file. */
enum cps_status cps_block_worker_create(uint32_t node, const struct cps_dataset *dataset,
                                        const struct cps_kernels *kernels, uint32_t threads,
                                        uint64_t memory_bytes, struct cps_block_worker **out);
void cps_block_worker_destroy(struct cps_block_worker **self);

/* The worker as a role for a driver; valid while self is. */
struct cps_role cps_block_worker_role(struct cps_block_worker *self);

#endif
