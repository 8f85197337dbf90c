/*
 * Sorts samples into blocks; see order.h, and stored_order.c for the ratings of a prepared set. Samples are
 * first distributed to their blocks, which needs no memory besides the result. Then each block is sorted
 * separately, so that its counters stay in the cache, by two stable counting sorts: by movie, then by user.
 */
#include "worker/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/parallel.h"
#include "worker/sort_by.h"
#include "worker/stored_order.h"

/* The position of each row: its block and its place within the block. */
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

/* Returns the index of a sample's block among those of the worker, or UINT64_MAX if it is not one of them. */
static inline uint64_t block_of(const struct cps_order *self, const struct places *places,
                                const struct cps_samples *samples, uint64_t i)
{
    uint32_t user_block = places->of[CPS_TABLE_USERS][samples->user[i]].block - self->first_block;
    if (user_block >= self->block_count)
        return UINT64_MAX;
    return (uint64_t)user_block * self->blocks.count + places->of[CPS_TABLE_MOVIES][samples->movie[i]].block;
}

/* Distributes samples to their blocks, in stretches that several threads process. Stretch s writes its samples
 * of block b from at[s · blocks + b] on, so that the samples keep their order whichever thread takes a stretch.
 */
struct dealing {
    const struct cps_order *order;
    const struct places *places;
    const struct cps_samples *samples;
    struct cps_block_rating *out; /* NULL while they are counted */
    uint64_t blocks, stretches;
    uint64_t *at;
};

static uint64_t stretch_begin(const struct dealing *self, uint64_t stretch)
{
    return self->samples->count * stretch / self->stretches;
}

static enum cps_status count_stretch(void *context, uint64_t stretch, uint32_t slot)
{
    struct dealing *self = context;
    uint64_t *count = self->at + stretch * self->blocks, end = stretch_begin(self, stretch + 1);
    (void)slot;
    for (uint64_t i = stretch_begin(self, stretch); i < end; i++) {
        uint64_t block = block_of(self->order, self->places, self->samples, i);
        if (block == UINT64_MAX)
            return cps_fail(CPS_ERR_INTERNAL, "sample %llu belongs to another worker", (unsigned long long)i);
        count[block]++;
    }
    return CPS_OK;
}

static enum cps_status deal_stretch(void *context, uint64_t stretch, uint32_t slot)
{
    struct dealing *self = context;
    const struct cps_samples *samples = self->samples;
    uint64_t *at = self->at + stretch * self->blocks, end = stretch_begin(self, stretch + 1);
    (void)slot;
    for (uint64_t i = stretch_begin(self, stretch); i < end; i++) {
        uint64_t block = block_of(self->order, self->places, samples, i);
        self->out[at[block]++] =
            (struct cps_block_rating){.user = self->places->of[CPS_TABLE_USERS][samples->user[i]].within,
                                      .movie = self->places->of[CPS_TABLE_MOVIES][samples->movie[i]].within,
                                      .rating = samples->rating[i]};
    }
    return CPS_OK;
}

/* Turns counts into places: first those of all stretches in block 0, then in block 1, … */
static void set_places(struct dealing *self, uint64_t *first)
{
    uint64_t sum = 0, *next = first;
    for (uint64_t block = 0; block < self->blocks; block++) {
        if (block % self->order->blocks.count == 0 && block > 0)
            *next++ = sum;
        *next++ = sum;
        for (uint64_t stretch = 0; stretch < self->stretches; stretch++) {
            uint64_t *at = &self->at[stretch * self->blocks + block], count = *at;
            *at = sum;
            sum += count;
        }
    }
    *next = sum;
}

/* Distributes samples to their blocks, keeping their order. */
static enum cps_status deal(const struct cps_order *self, const struct places *places,
                            const struct cps_samples *samples, uint32_t threads, struct cps_ordered *out)
{
    struct dealing dealing = {.order = self,
                              .places = places,
                              .samples = samples,
                              .blocks = (uint64_t)self->block_count * self->blocks.count,
                              .stretches = threads};
    struct cps_block_rating *ratings;
    CPS_TRY(cps_alloc_raw("ratings by block", samples->count + CPS_BLOCK_AHEAD, sizeof *ratings, &ratings));
    memset(ratings + samples->count, 0, CPS_BLOCK_AHEAD * sizeof *ratings);
    out->owned = ratings;
    for (uint32_t row = 0; row < self->block_count; row++)
        out->row[row] = ratings;
    CPS_TRY(
        cps_alloc("places of ratings", dealing.stretches * dealing.blocks, sizeof *dealing.at, &dealing.at));
    enum cps_status status = cps_parallel_each(threads, dealing.stretches, count_stretch, &dealing);
    if (status == CPS_OK) {
        set_places(&dealing, out->first);
        dealing.out = ratings;
        status = cps_parallel_each(threads, dealing.stretches, deal_stretch, &dealing);
    }
    free(dealing.at);
    return status;
}

/* Sorts the blocks of one user block, using its own scratch memory. */
static enum cps_status sort_row(void *context, uint64_t row, uint32_t slot)
{
    struct cps_order *self = context;
    const struct cps_blocks *blocks = &self->blocks;
    struct cps_block_rating *scratch = NULL;
    uint32_t *starts, i = self->first_block + (uint32_t)row;
    size_t capacity = 0;
    enum cps_status status = CPS_OK;
    (void)slot;
    CPS_TRY(cps_alloc_raw("starts of rows", CPS_BLOCK_MOST_ROWS + 1, sizeof *starts, &starts));
    for (uint32_t j = 0; status == CPS_OK && j < blocks->count; j++) {
        const uint64_t *first = self->train.first + row * (blocks->count + 1) + j;
        struct cps_block_rating *ratings = self->train.owned + first[0];
        uint64_t count = first[1] - first[0];
        status = cps_grow("a block's ratings", &scratch, &capacity, count, sizeof *scratch);
        if (status != CPS_OK)
            break;
        cps_sort_by(false, ratings, count, starts, cps_blocks_rows(blocks, CPS_TABLE_MOVIES, j), scratch);
        cps_sort_by(true, scratch, count, starts, cps_blocks_rows(blocks, CPS_TABLE_USERS, i), ratings);
    }
    free(scratch);
    free(starts);
    return status;
}

static enum cps_status order_samples(struct cps_order *self, const struct cps_dataset *dataset,
                                     uint32_t threads)
{
    struct places places;
    enum cps_status status = places_init(&places, &self->blocks);
    if (status == CPS_OK)
        status = deal(self, &places, &dataset->train, threads, &self->train);
    if (status == CPS_OK)
        status = deal(self, &places, &dataset->valid, threads, &self->valid);
    if (status == CPS_OK)
        status = cps_parallel_each(threads, self->block_count, sort_row, self);
    places_release(&places);
    return status;
}

static enum cps_status ordered_init(struct cps_ordered *self, const struct cps_order *order)
{
    CPS_TRY(cps_alloc("starts of blocks", (size_t)order->block_count * (order->blocks.count + 1),
                      sizeof *self->first, &self->first));
    return cps_alloc("blocks", order->block_count, sizeof *self->row, &self->row);
}

enum cps_status cps_order_init(struct cps_order *self, const struct cps_plan *plan, uint32_t worker,
                               const struct cps_dataset *dataset, uint32_t threads, uint64_t memory_bytes)
{
    memset(self, 0, sizeof *self);
    cps_blocks_init(&self->blocks, plan);
    self->first_block = cps_blocks_first_of(&self->blocks, worker);
    self->block_count = cps_blocks_first_of(&self->blocks, worker + 1) - self->first_block;
    CPS_TRY(ordered_init(&self->train, self));
    CPS_TRY(ordered_init(&self->valid, self));
    if (dataset->stored)
        return cps_stored_order_create(self, dataset, threads, memory_bytes, &self->stored);
    return order_samples(self, dataset, threads);
}

enum cps_status cps_order_spread(struct cps_order *self, bool *more)
{
    *more = false;
    return self->stored ? cps_stored_order_spread(self->stored, more) : CPS_OK;
}

enum cps_status cps_order_deal(struct cps_order *self, uint32_t user_block, struct cps_order_scratch **scratch)
{
    return cps_stored_order_deal(self->stored, self, user_block, scratch);
}

void cps_order_expect(const struct cps_order *self, const struct cps_ordered *ordered, uint32_t user_block,
                      uint32_t movie_block)
{
    if (self->stored)
        cps_stored_order_advise(self->stored, self, ordered, user_block, movie_block, true);
}

void cps_order_forget(const struct cps_order *self, const struct cps_ordered *ordered, uint32_t user_block,
                      uint32_t movie_block)
{
    if (self->stored)
        cps_stored_order_advise(self->stored, self, ordered, user_block, movie_block, false);
}

static void ordered_release(struct cps_ordered *self)
{
    free(self->owned);
    free(self->first);
    free(self->row);
}

void cps_order_release(struct cps_order *self)
{
    cps_stored_order_destroy(&self->stored);
    ordered_release(&self->train);
    ordered_release(&self->valid);
    memset(self, 0, sizeof *self);
}
