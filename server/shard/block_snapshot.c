/* A copy of the rows of all blocks for a checkpoint; see block_snapshot.h. */
#include "server/shard/block_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_block_snapshot_release(struct cps_block_snapshot *self)
{
    free(self->words);
    *self = (struct cps_block_snapshot){0};
}

bool cps_block_snapshot_begin(struct cps_block_snapshot *self, uint64_t step, uint32_t rows, uint32_t words,
                              uint32_t blocks)
{
    self->decided = step;
    if (self->held)
        return false;
    if (!self->words &&
        cps_alloc("a snapshot of the rows", (size_t)rows * words, sizeof *self->words, &self->words) != CPS_OK)
        return false;
    self->step = step;
    self->missing = blocks;
    self->held = true;
    return true;
}

void cps_block_state_pack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                          const float *row, uint64_t step, uint32_t *state)
{
    state[0] = (uint32_t)step;
    cps_block_row_pack(rule, plan->model == CPS_MODEL_BIAS, is_movie, row, (float *)(void *)(state + 1));
}

bool cps_block_state_unpack(const struct cps_block_rule *rule, const struct cps_plan *plan, bool is_movie,
                            const uint32_t *state, uint64_t step, float *row)
{
    if (state[0] != step)
        return false;
    cps_block_row_unpack(rule, plan->model == CPS_MODEL_BIAS, is_movie,
                         (const float *)(const void *)(state + 1), row);
    return true;
}
