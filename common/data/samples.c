/*
 * Columns of samples; see samples.h. Filled by intake.h while a file is read, split and
 * trimmed here, handed to the worker by dataset.c.
 *
 *     user[]   movie[]   rating[]   index[]      16 bytes a training sample,
 *      u32      u32       f32        u32         12 (no index) a validation sample
 */
#include "common/data/samples.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/permutation.h"
#include "common/base/random.h"

#define COLUMN_BYTES 4
static const char memory_name[] = "samples";

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

/* realloc() rather than cps_grow(): a long column is moved by page tables, not copied. */
static enum cps_status grow_column(void *column, size_t count)
{
    void *old, *grown;
    memcpy(&old, column, sizeof old);
    grown = realloc(old, count * COLUMN_BYTES);
    if (!grown)
        return cps_fail_memory(memory_name, count * COLUMN_BYTES);
    memcpy(column, &grown, sizeof grown);
    return CPS_OK;
}

enum cps_status cps_sample_buffer_grow(struct cps_sample_buffer *self)
{
    size_t wanted = self->capacity ? 2 * self->capacity : 1024;
    CPS_TRY(grow_column(&self->kept.user, wanted));
    CPS_TRY(grow_column(&self->kept.movie, wanted));
    CPS_TRY(grow_column(&self->kept.rating, wanted));
    CPS_TRY(grow_column(&self->kept.index, wanted));
    self->capacity = wanted;
    return CPS_OK;
}

/* One column of a split: where it comes from and the two it is dealt into. */
struct deal {
    void *from, *train, *valid;
};

/* Deals a column into two of their exact size and frees it, so that no more than one
 * column is ever held twice. places[i] < valid_count sends i to validation. Each entry
 * is written to both and counted in one, which spares a branch that nobody can predict;
 * hence the entry of slack. */
static enum cps_status deal(struct deal *self, const uint32_t *places, uint64_t count, uint64_t valid_count,
                            uint64_t valid_kept)
{
    CPS_TRY(cps_alloc(memory_name, count - valid_kept + 1, COLUMN_BYTES, &self->train));
    CPS_TRY(cps_alloc(memory_name, valid_kept + 1, COLUMN_BYTES, &self->valid));
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

/* Ratings are dealt as their bits. */
static enum cps_status deal_columns(struct cps_samples *from, uint64_t valid_count, uint64_t valid_kept,
                                    struct cps_samples *train, struct cps_samples *valid)
{
    struct deal columns[3] = {{.from = from->user}, {.from = from->movie}, {.from = from->rating}};
    enum cps_status status = CPS_OK;
    for (int c = 0; c < 3 && status == CPS_OK; c++)
        status = deal(&columns[c], from->index, from->count, valid_count, valid_kept);
    from->user = columns[0].from;
    from->movie = columns[1].from;
    from->rating = columns[2].from;
    *train = (struct cps_samples){.count = from->count - valid_kept,
                                  .user = columns[0].train,
                                  .movie = columns[1].train,
                                  .rating = columns[2].train};
    *valid = (struct cps_samples){
        .count = valid_kept, .user = columns[0].valid, .movie = columns[1].valid, .rating = columns[2].valid};
    return status;
}

/* The places of the training samples, counted from the first training place. */
static enum cps_status deal_index(const struct cps_samples *from, uint64_t valid_count,
                                  struct cps_samples *train)
{
    CPS_TRY(cps_alloc(memory_name, train->count + 1, COLUMN_BYTES, &train->index));
    uint32_t *next = train->index;
    for (uint64_t i = 0; i < from->count; i++) {
        *next = (uint32_t)(from->index[i] - valid_count);
        next += from->index[i] >= valid_count;
    }
    return CPS_OK;
}

enum { PLACES = 1024 }; /* of the split at a time */

enum cps_status cps_samples_split(struct cps_sample_buffer *self, uint64_t seed, uint64_t valid_count,
                                  struct cps_samples *train, struct cps_samples *valid)
{
    struct cps_samples *kept = &self->kept;
    struct cps_permutation permutation;
    cps_permutation_init(&permutation, seed, CPS_RANDOM_SPLIT, 0, self->seen);
    uint64_t valid_kept = 0;
    for (uint64_t first = 0; first < kept->count; first += PLACES) {
        uint32_t places[PLACES];
        uint64_t count = kept->count - first < PLACES ? kept->count - first : PLACES;
        cps_permutation_forward_all(&permutation, kept->index + first, count, places);
        memcpy(kept->index + first, places, count * sizeof *places);
        for (uint64_t i = 0; i < count; i++)
            valid_kept += places[i] < valid_count;
    }
    CPS_TRY(deal_columns(kept, valid_count, valid_kept, train, valid));
    CPS_TRY(deal_index(kept, valid_count, train));
    cps_samples_release(kept);
    return CPS_OK;
}

static enum cps_status trim_column(void *column, uint64_t count)
{
    void *old, *trimmed;
    memcpy(&old, column, sizeof old);
    CPS_TRY(cps_alloc(memory_name, count, COLUMN_BYTES, &trimmed));
    if (count)
        memcpy(trimmed, old, count * COLUMN_BYTES);
    free(old);
    memcpy(column, &trimmed, sizeof trimmed);
    return CPS_OK;
}

static enum cps_status trim(struct cps_sample_buffer *self, struct cps_samples *out)
{
    *out = self->kept;
    *self = (struct cps_sample_buffer){.seen = self->seen};
    CPS_TRY(trim_column(&out->user, out->count));
    CPS_TRY(trim_column(&out->movie, out->count));
    return trim_column(&out->rating, out->count);
}

enum cps_status cps_samples_keep_train(struct cps_sample_buffer *self, struct cps_samples *out)
{
    CPS_TRY(trim(self, out));
    return trim_column(&out->index, out->count);
}

enum cps_status cps_samples_keep_valid(struct cps_sample_buffer *self, struct cps_samples *out)
{
    CPS_TRY(trim(self, out));
    free(out->index);
    out->index = NULL;
    return CPS_OK;
}
