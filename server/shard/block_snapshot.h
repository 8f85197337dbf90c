/*
 * The rows of a server of the block solver as they were after one sub-epoch, put together while its blocks
 * come home and kept while a checkpoint fetches them.
 *
 * Blocks reach a sub-epoch at different times, so there is no moment at which all rows are of that step. But
 * each of them ends its lease there, and is copied on the way from one lease to the next: training waits for
 * no other block.
 *
 *     a block is home after a step that is saved -> copied -> lent on
 *     the last one is                            -> the snapshot is complete
 */
#ifndef CPS_SERVER_SHARD_BLOCK_SNAPSHOT_H
#define CPS_SERVER_SHARD_BLOCK_SNAPSHOT_H

#include "common/model/block_kernels.h"

/* All zeroes is a valid one that holds nothing. */
struct cps_block_snapshot {
    uint32_t *words;  /* [rows][cps_plan_state_words]; allocated at the first one and kept */
    uint64_t step;    /* the rows are those after it */
    uint32_t missing; /* blocks that are not copied yet */
    bool held;        /* being put together, or still needed */
    uint64_t decided; /* the last step for which one was begun or refused */
};

void cps_block_snapshot_release(struct cps_block_snapshot *self);

/* Begins one of `step`, with `rows` rows of words words each in `blocks` blocks. False when another is still
 * needed, or when there is no memory; either way no later call decides about step again. */
bool cps_block_snapshot_begin(struct cps_block_snapshot *self, uint64_t step, uint32_t rows, uint32_t words,
                              uint32_t blocks);

/* Between a row as it is trained (block_kernels.h) and its saved state, which has seen `step` sub-epochs.
 * unpack is false for a state that has seen another number of them; the rest of row was zeroed. */
void cps_block_row_pack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                        const float *row, uint64_t step, uint32_t *state);
bool cps_block_row_unpack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                          const uint32_t *state, uint64_t step, float *row);

#endif
