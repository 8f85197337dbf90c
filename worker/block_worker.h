/*
 * A worker of the block solver: holds the ratings of its user blocks in order, has their rows on lease from the
 * servers, and trains them with the movie blocks as these come by. A state machine without socket, clock or
 * file; its threads (crew.h) touch rows alone.
 *
 *   PLAN -> orders its ratings -> READY;  GRANT -> learning rates of the next sub-epochs
 *   LEND -> a block is here: train with it as soon as its turn comes, or validate
 *   a block is through -> RETURN;  a sub-epoch, an epoch's validation -> REPORT
 */
#ifndef CPS_WORKER_BLOCK_WORKER_H
#define CPS_WORKER_BLOCK_WORKER_H

#include "common/data/dataset.h"
#include "common/drive/role.h"
#include "common/model/kernels.h"

struct cps_block_worker; /* opaque */

/* Node `node` of a job. dataset, the samples of this worker's user blocks, and kernels are borrowed. threads
 * includes the one that drives the role. */
enum cps_status cps_block_worker_create(uint32_t node, const struct cps_dataset *dataset,
                                        const struct cps_kernels *kernels, uint32_t threads,
                                        struct cps_block_worker **out);
void cps_block_worker_destroy(struct cps_block_worker **self);

/* The worker as a role for a driver; valid while self is. */
struct cps_role cps_block_worker_role(struct cps_block_worker *self);

#endif
