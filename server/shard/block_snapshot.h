/*
 * The rows of a server of the block solver as they were after one sub-epoch, copied block by block as the
 * workers return them and kept while a checkpoint fetches them.
 *
 * Blocks reach a sub-epoch at different times, so all rows are never at that step at once. But every block is
 * returned after that step, and is copied before it is lent again: no block waits for another one.
 *
 *     a block is returned after the step to save -> copied -> lent again
 *     the last block is returned                 -> the snapshot is complete
 */
#ifndef CPS_SERVER_SHARD_BLOCK_SNAPSHOT_H
#define CPS_SERVER_SHARD_BLOCK_SNAPSHOT_H

#include "common/model/block_kernels.h"

/* A zeroed struct is a valid, empty snapshot. */
struct cps_block_snapshot {
    uint32_t *words;  /* [rows][cps_plan_state_words]; allocated for the first snapshot and kept */
    uint64_t step;    /* the rows are as they were after this step */
    uint32_t missing; /* number of blocks not copied yet */
    bool held;        /* incomplete, or still needed */
    uint64_t decided; /* the last step for which a snapshot was begun or refused */
};

void cps_block_snapshot_release(struct cps_block_snapshot *self);

/* Begins a snapshot at `step` of `rows` rows of `words` words each, in `blocks` blocks. False when the previous
 * snapshot is still needed or memory is short. In every case the decision for step is final. */
bool cps_block_snapshot_begin(struct cps_block_snapshot *self, uint64_t step, uint32_t rows, uint32_t words,
                              uint32_t blocks);

/* Converts a row as it is trained (block_kernels.h) to its saved state after `step` sub-epochs, and back.
 * unpack returns false for a state after another number of sub-epochs. */
void cps_block_state_pack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                          const float *row, uint64_t step, uint32_t *state);
bool cps_block_state_unpack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                            const uint32_t *state, uint64_t step, float *row);

#endif
