/*
 * The parts of the blocks on one server; see block_parts.h. Every node derives the rows of a part from the
 * plan.
 */
#include "server/shard/block_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/parallel.h"
#include "common/model/initial.h"
#include "server/shard/block_snapshot.h"
#include "server/shard/table.h"

static uint32_t key_at(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t place)
{
    uint32_t row = cps_blocks_row(&self->blocks, table, place);
    return table == CPS_TABLE_MOVIES ? cps_plan_movie_key(self->plan, row) : row;
}

static float *row_of(const struct cps_block_parts *self, const struct cps_block_part *part, uint32_t place)
{
    return (float *)(void *)part->buffer->data + (size_t)place * self->rule.row_floats;
}

static void fill_row(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t key,
                     float *weights, float *row)
{
    if (self->start)
        self->start->row(self->start->context, self->plan, key, weights);
    else
        cps_initial_row(self->plan, key, weights);
    cps_block_row_set(&self->rule, self->plan->model == CPS_MODEL_BIAS, table == CPS_TABLE_MOVIES, weights,
                      row);
}

static size_t bytes_of(const struct cps_block_parts *self, const struct cps_block_part *part)
{
    return (size_t)part->rows * self->rule.row_floats * sizeof(float);
}

/* Finds the rows of block that live here. */
static void lay_out_part(struct cps_block_parts *self, enum cps_table_kind table, uint32_t block)
{
    struct cps_block_part *part = &self->of[table][block];
    uint32_t first = cps_blocks_first(&self->blocks, table, block), servers = self->plan->servers;
    uint32_t end = cps_blocks_first(&self->blocks, table, block + 1);
    part->step = self->plan->first_step;
    part->read = !self->plan->validates_first;
    for (uint32_t place = first; place < end; place++) {
        uint32_t key = key_at(self, table, place);
        if (key % servers == self->server)
            self->place_of[key / servers] = part->rows++;
    }
}

static enum cps_status acquire_part(const struct cps_block_parts *self, struct cps_block_part *part,
                                    struct cps_buffer_pool *pool)
{
    return part->rows ? cps_buffer_acquire(pool, bytes_of(self, part), &part->buffer) : CPS_OK;
}

/* Sets initial values, which rows of a checkpoint may replace. */
static void fill_part(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t block,
                      float *weights)
{
    const struct cps_block_part *part = &self->of[table][block];
    uint32_t first = cps_blocks_first(&self->blocks, table, block), servers = self->plan->servers;
    uint32_t end = cps_blocks_first(&self->blocks, table, block + 1);
    if (part->rows == 0)
        return;
    memset(part->buffer->data, 0, part->buffer->size);
    for (uint32_t place = first; place < end; place++) {
        uint32_t key = key_at(self, table, place);
        if (key % servers == self->server)
            fill_row(self, table, key, weights, row_of(self, part, self->place_of[key / servers]));
    }
}

/* Blocks are filled on all processors: drawing millions of normal numbers takes as long as part of an epoch. */
struct filling {
    const struct cps_block_parts *parts;
    float *weights; /* a row for each slot */
};

static enum cps_status fill_piece(void *context, uint64_t piece, uint32_t slot)
{
    struct filling *self = context;
    const struct cps_block_parts *parts = self->parts;
    enum cps_table_kind table = piece < parts->blocks.count ? CPS_TABLE_USERS : CPS_TABLE_MOVIES;
    fill_part(parts, table, (uint32_t)(piece % parts->blocks.count),
              self->weights + (size_t)slot * cps_plan_row_width(parts->plan));
    return CPS_OK;
}

/* For fewer rows threads do not pay. */
static const uint32_t FEW_ROWS = 20000;

static enum cps_status fill_all(const struct cps_block_parts *self, uint32_t rows)
{
    struct filling filling = {.parts = self};
    uint32_t threads = self->start || rows < FEW_ROWS ? 1 : 0;
    CPS_TRY(cps_alloc("rows", (size_t)cps_parallel_slots(0) * cps_plan_row_width(self->plan), sizeof(float),
                      &filling.weights));
    enum cps_status status =
        cps_parallel_each(threads, CPS_TABLES * (uint64_t)self->blocks.count, fill_piece, &filling);
    free(filling.weights);
    return status;
}

enum cps_status cps_block_parts_init(struct cps_block_parts *self, uint32_t server, const struct cps_plan *plan,
                                     const struct cps_initial_rows *start, struct cps_buffer_pool *pool)
{
    uint32_t rows = cps_plan_server_rows(plan, server);
    size_t room = 0;
    self->server = server;
    self->plan = plan;
    self->start = start;
    cps_blocks_init(&self->blocks, plan);
    self->rule = cps_block_rule_of(plan);
    CPS_TRY(cps_alloc("places of rows", rows, sizeof *self->place_of, &self->place_of));
    for (int table = 0; table < CPS_TABLES; table++) {
        CPS_TRY(cps_alloc("blocks", self->blocks.count, sizeof(struct cps_block_part), &self->of[table]));
        for (uint32_t block = 0; block < self->blocks.count; block++) {
            lay_out_part(self, (enum cps_table_kind)table, block);
            room += cps_buffer_room(bytes_of(self, &self->of[table][block]));
        }
    }
    if (rows >= FEW_ROWS)
        CPS_TRY(cps_buffer_pool_reserve(pool, room));
    for (int table = 0; table < CPS_TABLES; table++)
        for (uint32_t block = 0; block < self->blocks.count; block++)
            CPS_TRY(acquire_part(self, &self->of[table][block], pool));
    return fill_all(self, rows);
}

void cps_block_parts_release(struct cps_block_parts *self)
{
    for (int table = 0; table < CPS_TABLES; table++) {
        for (uint32_t block = 0; self->of[table] && block < self->blocks.count; block++)
            cps_buffer_release(self->of[table][block].buffer);
        free(self->of[table]);
    }
    free(self->place_of);
}

void cps_block_parts_save(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t block,
                          uint32_t *words)
{
    const struct cps_block_part *part = &self->of[table][block];
    uint32_t width = cps_plan_state_words(self->plan), servers = self->plan->servers;
    uint32_t end = cps_blocks_first(&self->blocks, table, block + 1);
    for (uint32_t place = cps_blocks_first(&self->blocks, table, block); part->rows && place < end; place++) {
        uint32_t key = key_at(self, table, place), row = key / servers;
        if (key % servers == self->server)
            cps_block_state_pack(&self->rule, self->plan, table == CPS_TABLE_MOVIES,
                                 row_of(self, part, self->place_of[row]), part->step,
                                 words + (size_t)row * width);
    }
}

float *cps_block_parts_row(const struct cps_block_parts *self, uint32_t key, enum cps_table_kind *table)
{
    *table = key < self->plan->user_rows ? CPS_TABLE_USERS : CPS_TABLE_MOVIES;
    uint32_t row = *table == CPS_TABLE_USERS ? key : key - self->plan->user_rows;
    uint32_t place = cps_blocks_place(&self->blocks, *table, row);
    const struct cps_block_part *part = &self->of[*table][cps_blocks_of(&self->blocks, *table, place)];
    return row_of(self, part, self->place_of[key / self->plan->servers]);
}

enum cps_status cps_block_parts_pack(const struct cps_block_parts *self, enum cps_table_kind table,
                                     uint32_t block, struct cps_buffer_pool *pool, struct cps_buffer **out)
{
    const struct cps_block_part *part = &self->of[table][block];
    uint32_t packed = cps_block_packed_floats(self->plan);
    bool has_bias = self->plan->model == CPS_MODEL_BIAS;
    *out = NULL;
    if (part->rows == 0)
        return CPS_OK;
    CPS_TRY(cps_buffer_acquire(pool, (size_t)part->rows * packed * sizeof(float), out));
    float *floats = (float *)(void *)(*out)->data;
    for (uint32_t place = 0; place < part->rows; place++)
        cps_block_row_pack(&self->rule, has_bias, table == CPS_TABLE_MOVIES, row_of(self, part, place),
                           floats + (size_t)place * packed);
    return CPS_OK;
}

void cps_block_parts_unpack(const struct cps_block_parts *self, enum cps_table_kind table, uint32_t block,
                            const struct cps_buffer *packed)
{
    const struct cps_block_part *part = &self->of[table][block];
    bool has_bias = self->plan->model == CPS_MODEL_BIAS;
    for (uint32_t place = 0; place < part->rows; place++)
        cps_block_row_unpack(&self->rule, has_bias, table == CPS_TABLE_MOVIES,
                             (const float *)(const void *)packed->data +
                                 (size_t)place * cps_block_packed_floats(self->plan),
                             row_of(self, part, place));
}

bool cps_block_parts_are_home(const struct cps_block_parts *self, uint64_t step)
{
    for (uint32_t block = 0; block < self->blocks.count; block++) {
        const struct cps_block_part *part = &self->of[CPS_TABLE_MOVIES][block];
        if (part->lent || part->step != step)
            return false;
    }
    return true;
}
