/*
 * A worker's ratings in the order of the block solver: by user block, then by movie block; within a block by
 * the user's place, then by the movie's place, then as in the file. Places are keyed permutations of the rows,
 * so that the order depends only on data and seed.
 *
 *     train   | (i, 0) | (i, 1) | … | (i, G-1) | (i+1, 0) | …      i starts at the worker's first block
 *     valid   the same, not necessarily sorted within a block, since its sums are exact
 *
 * Samples in columns are sorted at once. The ratings of a prepared set are sorted one user block at a time, by
 * cps_order_deal(), and those that exceed the memory lie in a temporary file (stored_order.h).
 */
#ifndef CPS_WORKER_ORDER_H
#define CPS_WORKER_ORDER_H

#include "common/data/dataset.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

/* Block j of the worker's user block number r: row[r] + first[r · (G + 1) + j]. CPS_BLOCK_AHEAD ratings behind
 * the last one are readable. */
struct cps_ordered {
    uint64_t *first;
    const struct cps_block_rating **row;
    struct cps_block_rating *owned; /* of samples in columns */
};

struct cps_stored_order;

struct cps_order {
    struct cps_blocks blocks;
    uint32_t first_block, block_count; /* this worker's user blocks */
    struct cps_ordered train, valid;
    struct cps_stored_order *stored; /* NULL: samples in columns, already sorted */
};

/* Sorts the samples of worker number `worker` (0-based) of plan on `threads` (at least 1) threads; the result
 * does not depend on their number, nor on memory_bytes, how much the ratings of a prepared set may take.
 * dataset, which is borrowed, has the samples of the worker's user blocks in the order of the file.
 * CPS_ERR_INTERNAL when columns have any other sample; CPS_ERR_STORAGE. Needs release even when it failed. */
enum cps_status cps_order_init(struct cps_order *self, const struct cps_plan *plan, uint32_t worker,
                               const struct cps_dataset *dataset, uint32_t threads, uint64_t memory_bytes);
void cps_order_release(struct cps_order *self);

/* Whether user blocks are sorted by cps_order_deal(), which must precede their use. */
static inline bool cps_order_is_dealt_later(const struct cps_order *self)
{
    return self->stored != NULL;
}

/* Distributes the next stretch of a set that exceeds the memory to its user blocks, which must precede
 * cps_order_deal(). *more is false when that is done or there is nothing to do. One thread at a time.
 * CPS_ERR_STORAGE. */
enum cps_status cps_order_spread(struct cps_order *self, bool *more);

/* Memory that a thread needs to sort user blocks. */
struct cps_order_scratch;
void cps_order_scratch_destroy(struct cps_order_scratch **self);

/* Sorts the ratings of a user block of this worker; once each, on any thread. Creates *scratch if it is NULL.
 * CPS_ERR_DATA, CPS_ERR_STORAGE. */
enum cps_status cps_order_deal(struct cps_order *self, uint32_t user_block, struct cps_order_scratch **scratch);

/* Advise that a block is needed next, or not before others of its user block; nothing for blocks in memory. On
 * any thread. */
void cps_order_expect(const struct cps_order *self, const struct cps_ordered *ordered, uint32_t user_block,
                      uint32_t movie_block);
void cps_order_forget(const struct cps_order *self, const struct cps_ordered *ordered, uint32_t user_block,
                      uint32_t movie_block);

/* Returns the number of ratings of block (user_block, movie_block), which belongs to this worker, and points
 * *out to the first; *out is borrowed from self. */
static inline uint64_t cps_order_block(const struct cps_order *self, const struct cps_ordered *ordered,
                                       uint32_t user_block, uint32_t movie_block,
                                       const struct cps_block_rating **out)
{
    uint32_t row = user_block - self->first_block;
    const uint64_t *first = ordered->first + (uint64_t)row * (self->blocks.count + 1) + movie_block;
    *out = ordered->row[row] + first[0];
    return first[1] - first[0];
}

#endif
