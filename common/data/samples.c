/*
 * Columns of samples; see samples.h. Filled from ratings read on this rank (build.c) or on other
 * ranks (deliver.c) and passed to the worker.
 *
 *     user[]   movie[]   rating[]   index[]      16 bytes a training sample,
 *      u32      u32       f32        u32         12 (no index) a validation sample
 */
#include "common/data/samples.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"

#define COLUMN_BYTES 4
static const char memory_name[] = "samples";

void cps_split_given(struct cps_split *self, uint64_t train_count, uint64_t valid_count)
{
    *self = (struct cps_split){.train_count = train_count, .valid_count = valid_count, .given = true};
}

/* A split that validates on the ratings at permuted positions valid_first .. valid_first + valid_count - 1. */
static void draw(struct cps_split *self, uint64_t seed, uint64_t count, uint64_t valid_first,
                 uint64_t valid_count)
{
    *self = (struct cps_split){
        .train_count = count - valid_count, .valid_count = valid_count, .valid_first = valid_first};
    if (count)
        cps_permutation_init(&self->permutation, seed, CPS_RANDOM_SPLIT, 0, count);
}

void cps_split_drawn(struct cps_split *self, uint64_t seed, uint64_t count, double valid_pct)
{
    draw(self, seed, count, 0, (uint64_t)(valid_pct * (double)count));
}

void cps_split_fold(struct cps_split *self, uint64_t seed, uint64_t count, uint32_t fold, uint32_t folds)
{
    uint64_t first = count * (fold - 1) / folds;
    draw(self, seed, count, first, count * fold / folds - first);
}

enum { CHUNK = 1024 }; /* places at a time */

void cps_split_positions(const struct cps_split *self, const uint32_t *places, uint64_t count, uint32_t *out)
{
    uint32_t chunk[CHUNK];
    uint32_t train = (uint32_t)self->train_count, valid = (uint32_t)self->valid_count;
    uint32_t below = (uint32_t)self->valid_first, wrapped = train + valid - below;
    for (uint64_t first = 0; first < count; first += CHUNK) {
        uint64_t n = count - first < CHUNK ? count - first : CHUNK;
        memcpy(chunk, places + first, n * sizeof *chunk);
        if (!self->given)
            cps_permutation_forward_all(&self->permutation, chunk, n, out + first);
        for (uint64_t i = 0; i < n && below; i++)
            out[first + i] = out[first + i] >= below ? out[first + i] - below : out[first + i] + wrapped;
        for (uint64_t i = 0; i < n && self->given; i++)
            out[first + i] = chunk[i] < train ? chunk[i] + valid : chunk[i] - train;
    }
}

void cps_samples_release(struct cps_samples *self)
{
    free(self->user);
    free(self->movie);
    free(self->rating);
    free(self->index);
    *self = (struct cps_samples){0};
}

uint64_t cps_samples_bytes(const struct cps_samples *self)
{
    return self->count * COLUMN_BYTES * (self->index ? 4 : 3);
}

enum cps_status cps_samples_alloc(struct cps_samples *self, uint64_t count, bool training)
{
    *self = (struct cps_samples){.count = count};
    CPS_TRY(cps_alloc_raw(memory_name, count, COLUMN_BYTES, &self->user));
    CPS_TRY(cps_alloc_raw(memory_name, count, COLUMN_BYTES, &self->movie));
    CPS_TRY(cps_alloc_raw(memory_name, count, COLUMN_BYTES, &self->rating));
    return training ? cps_alloc_raw(memory_name, count, COLUMN_BYTES, &self->index) : CPS_OK;
}

/* One column of a split: its source and its two destinations. */
struct deal {
    void *from, *train, *valid;
};

/* Splits a column into two of exact size and frees it, so that at most one column is held twice. Entry i
 * with places[i] < valid_count is for validation. Each entry is written to both destinations and counted in
 * one, which avoids an unpredictable branch; hence the extra entry at the end. */
static enum cps_status deal(struct deal *self, const uint32_t *places, uint64_t count, uint64_t valid_count,
                            uint64_t valid_kept)
{
    CPS_TRY(cps_alloc_raw(memory_name, count - valid_kept + 1, COLUMN_BYTES, &self->train));
    CPS_TRY(cps_alloc_raw(memory_name, valid_kept + 1, COLUMN_BYTES, &self->valid));
    const uint32_t *from = self->from;
    uint32_t *train = self->train, *valid = self->valid;
    for (uint64_t i = 0; i < count; i++) {
        bool to_valid = places[i] < valid_count;
        *train = from[i];
        *valid = from[i];
        train += !to_valid;
        valid += to_valid;
    }
    free(self->from);
    self->from = NULL;
    return CPS_OK;
}

/* Ratings are copied as their bits. */
static enum cps_status deal_columns(struct cps_rating_list *list, const uint32_t *places, uint64_t valid_count,
                                    uint64_t valid_kept, struct cps_samples *train, struct cps_samples *valid)
{
    struct deal columns[3] = {{.from = list->user}, {.from = list->item}, {.from = list->rating}};
    uint64_t count = list->count;
    enum cps_status status = CPS_OK;
    for (int c = 0; c < 3 && status == CPS_OK; c++)
        status = deal(&columns[c], places, count, valid_count, valid_kept);
    *list =
        (struct cps_rating_list){.user = columns[0].from, .item = columns[1].from, .rating = columns[2].from};
    *train = (struct cps_samples){.count = count - valid_kept,
                                  .user = columns[0].train,
                                  .movie = columns[1].train,
                                  .rating = columns[2].train};
    *valid = (struct cps_samples){
        .count = valid_kept, .user = columns[0].valid, .movie = columns[1].valid, .rating = columns[2].valid};
    return status;
}

/* The positions of the training samples, counted from the first of them. */
static enum cps_status deal_index(const uint32_t *positions, uint64_t count, uint64_t valid_count,
                                  struct cps_samples *train)
{
    CPS_TRY(cps_alloc_raw(memory_name, train->count + 1, COLUMN_BYTES, &train->index));
    uint32_t *next = train->index;
    for (uint64_t i = 0; i < count; i++) {
        *next = (uint32_t)(positions[i] - valid_count);
        next += positions[i] >= valid_count;
    }
    return CPS_OK;
}

enum cps_status cps_samples_split(struct cps_rating_list *list, uint32_t *places, const struct cps_split *split,
                                  struct cps_samples *train, struct cps_samples *valid)
{
    uint64_t count = list->count, valid_kept = 0;
    cps_split_positions(split, places, count, places);
    for (uint64_t i = 0; i < count; i++)
        valid_kept += places[i] < split->valid_count;
    enum cps_status status = deal_columns(list, places, split->valid_count, valid_kept, train, valid);
    if (status == CPS_OK)
        status = deal_index(places, count, split->valid_count, train);
    cps_rating_list_release(list);
    free(places);
    return status;
}
