/* See deliver.h; the last step of build.c if there are several shards. */
#include "common/data/deliver.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

struct record {
    uint32_t user, movie;
    float rating;
    uint32_t place;
};
_Static_assert(sizeof(struct record) == CPS_PEERS_RECORD_BYTES, "peers carry records of this size");

enum { CHUNK = 1024 };

static bool is_here(const struct cps_delivery *self, uint32_t shard)
{
    return !self->peers || self->shard_rank[shard] == self->peers->rank;
}

/* This rank's ratings of one shard. */
static enum cps_status select_records(const struct cps_delivery *self, const struct cps_rating_list *list,
                                      const uint32_t *places, uint32_t shard, struct record **out,
                                      uint64_t *count)
{
    uint64_t selected = 0;
    for (uint64_t i = 0; i < list->count; i++)
        selected += self->shard_of_row[list->user[i]] == shard;
    CPS_TRY(cps_alloc_raw("ratings to deliver", selected + 1, sizeof **out, out));
    struct record *next = *out;
    for (uint64_t i = 0; i < list->count; i++) {
        *next = (struct record){list->user[i], list->item[i], list->rating[i], places[i]};
        next += self->shard_of_row[list->user[i]] == shard;
    }
    *count = selected;
    return CPS_OK;
}

/* The index of the next sample in its column. */
struct cursor {
    struct cps_samples *train, *valid;
    uint64_t train_count, valid_count;
};

static void take_record(struct cursor *self, const struct record *record, uint64_t position,
                        uint64_t valid_count)
{
    bool training = position >= valid_count;
    struct cps_samples *samples = training ? self->train : self->valid;
    uint64_t at = training ? self->train_count++ : self->valid_count++;
    samples->user[at] = record->user;
    samples->movie[at] = record->movie;
    samples->rating[at] = record->rating;
    if (training)
        samples->index[at] = (uint32_t)(position - valid_count);
}

/* The positions of at most CHUNK records. */
static void positions_of(const struct cps_split *split, const struct record *records, uint64_t count,
                         uint32_t *out)
{
    for (uint64_t i = 0; i < count; i++)
        out[i] = records[i].place;
    cps_split_positions(split, out, count, out);
}

static enum cps_status split_records(const struct cps_split *split, const struct record *records,
                                     uint64_t count, struct cps_dataset *out)
{
    uint32_t positions[CHUNK];
    uint64_t valid = 0;
    for (uint64_t first = 0; first < count; first += CHUNK) {
        uint64_t n = count - first < CHUNK ? count - first : CHUNK;
        positions_of(split, records + first, n, positions);
        for (uint64_t i = 0; i < n; i++)
            valid += positions[i] < split->valid_count;
    }
    CPS_TRY(cps_samples_alloc(&out->train, count - valid, true));
    CPS_TRY(cps_samples_alloc(&out->valid, valid, false));
    struct cursor cursor = {.train = &out->train, .valid = &out->valid};
    for (uint64_t first = 0; first < count; first += CHUNK) {
        uint64_t n = count - first < CHUNK ? count - first : CHUNK;
        positions_of(split, records + first, n, positions);
        for (uint64_t i = 0; i < n; i++)
            take_record(&cursor, &records[first + i], positions[i], split->valid_count);
    }
    return CPS_OK;
}

/* Gathers a shard's records from all ranks on the shard's rank. */
static enum cps_status collect(const struct cps_delivery *self, uint32_t shard, struct record **records,
                               uint64_t *count)
{
    void *all = NULL;
    if (!self->peers)
        return CPS_OK;
    enum cps_status status =
        self->peers->collect(self->peers->context, self->shard_rank[shard], *records, *count, &all, count);
    free(*records);
    *records = all;
    return status;
}

/* The records of a shard of this rank, which are split while the other ranks collect theirs. */
struct arrived {
    struct record *records;
    uint64_t count;
    struct cps_dataset *out; /* NULL: none */
};

static enum cps_status split_arrived(const struct cps_delivery *self, struct arrived *arrived,
                                     enum cps_status status)
{
    if (status == CPS_OK && arrived->out)
        status = split_records(&self->split, arrived->records, arrived->count, arrived->out);
    free(arrived->records);
    *arrived = (struct arrived){0};
    return status;
}

/* before is this rank's status so far; the ranks agree on it, so that either all continue or none. */
static enum cps_status deliver_shard(const struct cps_delivery *self, const struct cps_rating_list *list,
                                     const uint32_t *places, uint32_t shard, enum cps_status before,
                                     struct cps_dataset *out, struct arrived *arrived, bool *go_on)
{
    struct record *records = NULL;
    uint64_t count = 0;
    enum cps_status status = before;
    if (is_here(self, shard))
        status = split_arrived(self, arrived, status);
    if (status == CPS_OK)
        status = select_records(self, list, places, shard, &records, &count);
    if (self->peers)
        status = self->peers->agree(self->peers->context, status);
    if (status == CPS_OK)
        status = collect(self, shard, &records, &count);
    *go_on = status == CPS_OK;
    if (status == CPS_OK && is_here(self, shard))
        *arrived = (struct arrived){records, count, out};
    else
        free(records);
    return status;
}

enum cps_status cps_deliver(const struct cps_delivery *self, struct cps_rating_list *list, uint32_t *places,
                            struct cps_dataset *const *shards)
{
    enum cps_status status = CPS_OK;
    struct arrived arrived = {0};
    bool go_on = true;
    for (uint32_t shard = 0; shard < self->shards && go_on; shard++)
        if (shards[shard])
            status = deliver_shard(self, list, places, shard, status, shards[shard], &arrived, &go_on);
    cps_rating_list_release(list);
    free(places);
    return split_arrived(self, &arrived, status);
}
