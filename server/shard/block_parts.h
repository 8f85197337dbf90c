/*
 * The rows of both tables that live on one server of the block solver, by block, and where each block's part
 * is.
 *
 * The rows of a part are one buffer. A lease within the process moves it to the worker and back, so that no row
 * is ever copied; one to another process has packed copies of its rows, and the buffer stays.
 */
#ifndef CPS_SERVER_SHARD_BLOCK_PARTS_H
#define CPS_SERVER_SHARD_BLOCK_PARTS_H

#include "common/base/status.h"
#include "common/drive/outbox.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

struct cps_initial_rows;

/* The rows of one block that live on this server. */
struct cps_block_part {
    struct cps_buffer *buffer; /* [rows][row_floats]; NULL while moved to a worker, or when there are no rows */
    uint32_t rows;
    uint64_t step; /* sub-epochs that its rows have seen, when they were last here */
    uint64_t kept; /* the last of them after which they were copied, plus 1 */
    bool lent;
    uint32_t node;    /* that it is or was last lent to; 0: none */
    bool known;       /* to all workers, which have read these rows since node returned them */
    uint32_t readers; /* workers that have it to read */
    bool read;        /* by all, since it came home after an epoch */
};

/* All zeroes is a valid one without rows. */
struct cps_block_parts {
    uint32_t server;
    const struct cps_plan *plan; /* borrowed */
    const struct cps_initial_rows *start;
    struct cps_blocks blocks;
    struct cps_block_rule rule;
    struct cps_block_part *of[CPS_TABLES]; /* [blocks] */
    uint32_t *place_of;                    /* [server rows]: place in the part */
};

/* Allocates the parts of server, buffers from pool, and fills them with the initial rows: those of start, or
 * those that the plan's seed draws when it is NULL. CPS_ERR_MEMORY; release in any case. */
enum cps_status cps_block_parts_init(struct cps_block_parts *self, uint32_t server, const struct cps_plan *plan,
                                     const struct cps_initial_rows *start, struct cps_buffer_pool *pool);
void cps_block_parts_release(struct cps_block_parts *self);

/* The row of key, which lives on this server and whose block is home, and its table. */
float *cps_block_parts_row(const struct cps_block_parts *self, uint32_t key, enum cps_table_kind *table);

/* Writes the state of the rows of a block whose buffer is here into words, [server rows][cps_plan_state_words].
 */
void cps_block_parts_save(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t block,
                          uint32_t *words);

/* Packs the rows of a block that is home into a buffer from pool; *out is NULL when there are none. */
enum cps_status cps_block_parts_pack(const struct cps_block_parts *self, enum cps_table_kind table,
                                     uint32_t block, struct cps_buffer_pool *pool, struct cps_buffer **out);

/* Replaces the rows of a block by those of packed, which has as many. */
void cps_block_parts_unpack(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t block,
                            const struct cps_buffer *packed);

/* Whether every movie block is home and its rows have seen `step` sub-epochs. */
bool cps_block_parts_are_home(const struct cps_block_parts *self, uint64_t step);

#endif
