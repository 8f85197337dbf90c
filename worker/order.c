/*
 * Ratings into blocks; see order.h. They are dealt to their blocks first, which needs no more memory than the
 * result, and then each block is sorted on its own, where its counters stay in the cache: two counting sorts,
 * by movie and by user, both stable.
 */
#include "worker/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* Where rows stand: the block and the place within it. */
struct place {
    uint16_t block, within;
};

struct places {
    struct place *of[CPS_TABLES]; /* [rows] */
};

static void places_release(struct places *self)
{
    free(self->of[CPS_TABLE_USERS]);
    free(self->of[CPS_TABLE_MOVIES]);
}

static enum cps_status places_init(struct places *self, const struct cps_blocks *blocks)
{
    *self = (struct places){{NULL, NULL}};
    for (int table = 0; table < CPS_TABLES; table++) {
        uint32_t rows = blocks->tables[table].rows;
        CPS_TRY(cps_alloc("places of rows", rows, sizeof(struct place), &self->of[table]));
        for (uint32_t row = 0; row < rows; row++) {
            uint32_t place = cps_blocks_place(blocks, (enum cps_table_kind)table, row);
            uint32_t block = cps_blocks_of(blocks, (enum cps_table_kind)table, place);
            self->of[table][row] = (struct place){
                .block = (uint16_t)block,
                .within = (uint16_t)(place - cps_blocks_first(blocks, (enum cps_table_kind)table, block))};
        }
    }
    return CPS_OK;
}

/* The block of a sample among those of the worker, or UINT64_MAX. */
static inline uint64_t block_of(const struct cps_order *self, const struct places *places,
                                const struct cps_samples *samples, uint64_t i)
{
    uint32_t user_block = places->of[CPS_TABLE_USERS][samples->user[i]].block - self->first_block;
    if (user_block >= self->block_count)
        return UINT64_MAX;
    return (uint64_t)user_block * self->blocks.count + places->of[CPS_TABLE_MOVIES][samples->movie[i]].block;
}

static enum cps_status count_blocks(const struct cps_order *self, const struct places *places,
                                    const struct cps_samples *samples, uint64_t *first)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        uint64_t block = block_of(self, places, samples, i);
        if (block == UINT64_MAX)
            return cps_fail(CPS_ERR_INTERNAL, "sample %llu is another worker's", (unsigned long long)i);
        first[block + 1]++;
    }
    for (uint64_t block = 0; block < (uint64_t)self->block_count * self->blocks.count; block++)
        first[block + 1] += first[block];
    return CPS_OK;
}

/* Deals samples to their blocks, in their own order. */
static enum cps_status deal(const struct cps_order *self, const struct places *places,
                            const struct cps_samples *samples, struct cps_ordered *out)
{
    uint64_t blocks = (uint64_t)self->block_count * self->blocks.count;
    CPS_TRY(cps_alloc("starts of blocks", blocks + 2, sizeof *out->first, &out->first));
    CPS_TRY(count_blocks(self, places, samples, out->first + 1));
    CPS_TRY(
        cps_alloc("ratings by block", samples->count + CPS_BLOCK_AHEAD, sizeof *out->ratings, &out->ratings));
    /* first[b + 1] is where block b begins, and moves on to its end, where the next one begins. */
    for (uint64_t i = 0; i < samples->count; i++) {
        uint64_t block = block_of(self, places, samples, i);
        out->ratings[out->first[block + 1]++] =
            (struct cps_block_rating){.user = places->of[CPS_TABLE_USERS][samples->user[i]].within,
                                      .movie = places->of[CPS_TABLE_MOVIES][samples->movie[i]].within,
                                      .rating = samples->rating[i]};
    }
    return CPS_OK;
}

/* A stable counting sort by user or movie. */
static void sort_by(bool user, const struct cps_block_rating *in, uint64_t count, uint32_t *starts,
                    uint32_t rows, struct cps_block_rating *out)
{
    memset(starts, 0, (rows + 1) * sizeof *starts);
    for (uint64_t i = 0; i < count; i++)
        starts[(user ? in[i].user : in[i].movie) + 1]++;
    for (uint32_t row = 0; row < rows; row++)
        starts[row + 1] += starts[row];
    for (uint64_t i = 0; i < count; i++)
        out[starts[user ? in[i].user : in[i].movie]++] = in[i];
}

static enum cps_status sort_blocks(struct cps_order *self)
{
    const struct cps_blocks *blocks = &self->blocks;
    struct cps_block_rating *scratch = NULL;
    uint32_t *starts;
    size_t capacity = 0;
    CPS_TRY(cps_alloc("starts of rows", CPS_BLOCK_MOST_ROWS + 1, sizeof *starts, &starts));
    enum cps_status status = CPS_OK;
    for (uint64_t b = 0; status == CPS_OK && b < (uint64_t)self->block_count * blocks->count; b++) {
        uint32_t i = self->first_block + (uint32_t)(b / blocks->count), j = (uint32_t)(b % blocks->count);
        struct cps_block_rating *ratings = self->train.ratings + self->train.first[b];
        uint64_t count = self->train.first[b + 1] - self->train.first[b];
        status = cps_grow("a block's ratings", &scratch, &capacity, count, sizeof *scratch);
        if (status != CPS_OK)
            break;
        sort_by(false, ratings, count, starts, cps_blocks_rows(blocks, CPS_TABLE_MOVIES, j), scratch);
        sort_by(true, scratch, count, starts, cps_blocks_rows(blocks, CPS_TABLE_USERS, i), ratings);
    }
    free(scratch);
    free(starts);
    return status;
}

enum cps_status cps_order_init(struct cps_order *self, const struct cps_plan *plan, uint32_t worker,
                               const struct cps_dataset *dataset)
{
    struct places places;
    memset(self, 0, sizeof *self);
    cps_blocks_init(&self->blocks, plan);
    self->first_block = cps_blocks_first_of(&self->blocks, worker);
    self->block_count = cps_blocks_first_of(&self->blocks, worker + 1) - self->first_block;
    enum cps_status status = places_init(&places, &self->blocks);
    if (status == CPS_OK)
        status = deal(self, &places, &dataset->train, &self->train);
    if (status == CPS_OK)
        status = deal(self, &places, &dataset->valid, &self->valid);
    if (status == CPS_OK)
        status = sort_blocks(self);
    places_release(&places);
    return status;
}

void cps_order_release(struct cps_order *self)
{
    free(self->train.ratings);
    free(self->train.first);
    free(self->valid.ratings);
    free(self->valid.first);
    memset(self, 0, sizeof *self);
}
