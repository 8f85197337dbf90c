/*
 * A worker's ratings in the order of the block solver: by user block, then by movie block; within a block by
 * the user's place, then by the movie's place, then as in the file. Places are keyed permutations of the rows,
 * so that the order depends only on data and seed.
 *
 *     train   | (i, 0) | (i, 1) | … | (i, G-1) | (i+1, 0) | …      i starts at the worker's first block
 *     valid   the same, unsorted within a block, since its sums are exact
 */
#ifndef CPS_WORKER_ORDER_H
#define CPS_WORKER_ORDER_H

#include "common/data/dataset.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

struct cps_ordered {
    struct cps_block_rating *ratings; /* followed by CPS_BLOCK_AHEAD spare ones */
    uint64_t *first;                  /* [own blocks · G + 1] */
};

struct cps_order {
    struct cps_blocks blocks;
    uint32_t first_block, block_count; /* this worker's user blocks */
    struct cps_ordered train, valid;
};

/* Sorts the samples of worker number `worker` (0-based) of plan on `threads` (at least 1) threads; the result
 * does not depend on their number. dataset has the samples of the worker's user blocks in the order of the
 * file. CPS_ERR_INTERNAL when it has any other sample. */
enum cps_status cps_order_init(struct cps_order *self, const struct cps_plan *plan, uint32_t worker,
                               const struct cps_dataset *dataset, uint32_t threads);
void cps_order_release(struct cps_order *self);

/* Returns the number of ratings of block (user_block, movie_block), which belongs to this worker, and points
 * *out to the first; *out is borrowed from self. */
static inline uint64_t cps_order_block(const struct cps_order *self, const struct cps_ordered *ordered,
                                       uint32_t user_block, uint32_t movie_block,
                                       const struct cps_block_rating **out)
{
    const uint64_t *first =
        ordered->first + (uint64_t)(user_block - self->first_block) * self->blocks.count + movie_block;
    *out = ordered->ratings + first[0];
    return first[1] - first[0];
}

#endif
