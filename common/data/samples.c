/*
 * Columns of samples; see samples.h. Filled by intake.h while a file is read, split and
 * trimmed here, handed to the worker by dataset.c.
 *
 *     user[]   movie[]   rating[]   index[]      16 bytes a training sample,
 *      u32      u32       f32        u32         12 (no index) a validation sample
 */
#include "common/data/samples.h"

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

static enum cps_status grow_column(void *column, size_t capacity, size_t wanted)
{
    return cps_grow(memory_name, column, &capacity, wanted, COLUMN_BYTES);
}

enum cps_status cps_sample_buffer_grow(struct cps_sample_buffer *self)
{
    size_t wanted = self->capacity ? 2 * self->capacity : 1024;
    CPS_TRY(grow_column(&self->kept.user, self->capacity, wanted));
    CPS_TRY(grow_column(&self->kept.movie, self->capacity, wanted));
    CPS_TRY(grow_column(&self->kept.rating, self->capacity, wanted));
    CPS_TRY(grow_column(&self->kept.index, self->capacity, wanted));
    self->capacity = wanted;
    return CPS_OK;
}

/* Deals *column into two of exactly their size and frees it, so that no more than one
 * column is ever held twice. places[i] < valid_count sends i to the second. */
static enum cps_status deal(void **column, const uint32_t *places, uint64_t count, uint64_t valid_count,
                            uint64_t valid_kept, uint32_t **train, uint32_t **valid)
{
    CPS_TRY(cps_alloc(memory_name, count - valid_kept, COLUMN_BYTES, train));
    CPS_TRY(cps_alloc(memory_name, valid_kept, COLUMN_BYTES, valid));
    const uint32_t *from = *column;
    uint32_t *next_train = *train, *next_valid = *valid;
    for (uint64_t i = 0; i < count; i++) {
        if (places[i] < valid_count)
            *next_valid++ = from[i];
        else
            *next_train++ = from[i];
    }
    free(*column);
    *column = NULL;
    return CPS_OK;
}

/* Ratings are dealt as their bits. */
static enum cps_status deal_columns(struct cps_samples *from, uint64_t valid_count, uint64_t valid_kept,
                                    struct cps_samples *train, struct cps_samples *valid)
{
    void *columns[3] = {from->user, from->movie, from->rating};
    uint32_t *to_train[3] = {0}, *to_valid[3] = {0};
    enum cps_status status = CPS_OK;
    for (int c = 0; c < 3 && status == CPS_OK; c++)
        status =
            deal(&columns[c], from->index, from->count, valid_count, valid_kept, &to_train[c], &to_valid[c]);
    *train =
        (struct cps_samples){from->count - valid_kept, to_train[0], to_train[1], (float *)to_train[2], NULL};
    *valid = (struct cps_samples){valid_kept, to_valid[0], to_valid[1], (float *)to_valid[2], NULL};
    *from = (struct cps_samples){from->count, columns[0], columns[1], columns[2], from->index};
    return status;
}

/* The places of the training samples, counted from the first training place. */
static enum cps_status deal_index(const struct cps_samples *from, uint64_t valid_count,
                                  struct cps_samples *train)
{
    CPS_TRY(cps_alloc(memory_name, train->count, COLUMN_BYTES, &train->index));
    uint32_t *next = train->index;
    for (uint64_t i = 0; i < from->count; i++)
        if (from->index[i] >= valid_count)
            *next++ = (uint32_t)(from->index[i] - valid_count);
    return CPS_OK;
}

enum cps_status cps_samples_split(struct cps_sample_buffer *self, uint64_t seed, uint64_t valid_count,
                                  struct cps_samples *train, struct cps_samples *valid)
{
    struct cps_samples *kept = &self->kept;
    struct cps_permutation permutation;
    cps_permutation_init(&permutation, seed, CPS_RANDOM_SPLIT, 0, self->seen);
    uint64_t valid_kept = 0;
    for (uint64_t i = 0; i < kept->count; i++) {
        kept->index[i] = (uint32_t)cps_permutation_forward(&permutation, kept->index[i]);
        valid_kept += kept->index[i] < valid_count;
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
