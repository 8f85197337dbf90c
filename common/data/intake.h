/*
 * Where ratings go as they are read: ids get numbers, samples of this shard are kept,
 * all others only counted.
 *
 * Work is done per id rather than per rating where possible: whether a user belongs to this
 * shard and which title an item has is looked up when the id is first seen.
 */
#ifndef CPS_DATA_INTAKE_H
#define CPS_DATA_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/ids.h"
#include "common/data/samples.h"
#include "common/data/skip.h"
#include "common/data/titles.h"

struct cps_intake {
    struct cps_ids users, items;
    const struct cps_titles *titles; /* borrowed; NULL when items are keyed by id */
    uint8_t *mine;                   /* of each user number: of this shard */
    size_t mine_capacity;
    uint32_t *title_of; /* of each item number, only with titles */
    size_t title_capacity;
    uint32_t shard, shards;
    bool keep;
    float rating_min, rating_max;
    struct cps_skip skip; /* of lines that cannot be read */
    struct cps_reading reading;
};

/* keep false counts only. titles may be NULL. */
void cps_intake_init(struct cps_intake *self, uint32_t shard, uint32_t shards, bool keep,
                     const struct cps_titles *titles);
void cps_intake_release(struct cps_intake *self);

/* Gives a number to a user id that is new, and sees whether it is of this shard. */
enum cps_status cps_intake_new_user(struct cps_intake *self, uint64_t id, uint32_t *number);
enum cps_status cps_intake_new_user_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number);

/* Gives a number to an item id that is new, unless there are titles but none for it: then
 * *number is CPS_IDS_NONE. */
enum cps_status cps_intake_new_item(struct cps_intake *self, uint64_t id, uint32_t *number);
enum cps_status cps_intake_new_item_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number);

/* The number of an integer id that may be new. */
static inline enum cps_status cps_intake_user(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    *number = cps_ids_find_direct(&self->users, id);
    return *number != CPS_IDS_NONE ? CPS_OK : cps_intake_new_user(self, id, number);
}

static inline enum cps_status cps_intake_item(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    *number = cps_ids_find_direct(&self->items, id);
    return *number != CPS_IDS_NONE ? CPS_OK : cps_intake_new_item(self, id, number);
}

/* Takes the rating of item number item by user number user. */
static inline enum cps_status cps_intake_rating(struct cps_intake *self, struct cps_sample_buffer *into,
                                                uint32_t user, uint32_t item, float rating)
{
    uint64_t place = into->seen++;
    if ((place + 1) % CPS_READING_EVERY == 0 && self->reading.on_ratings)
        CPS_TRY(self->reading.on_ratings(self->reading.context, place + 1));
    self->rating_min = rating < self->rating_min ? rating : self->rating_min;
    self->rating_max = rating > self->rating_max ? rating : self->rating_max;
    if (!self->mine[user])
        return CPS_OK;
    struct cps_samples *kept = &into->kept;
    if (kept->count == into->capacity)
        CPS_TRY(cps_sample_buffer_grow(into));
    kept->user[kept->count] = user;
    kept->movie[kept->count] = item;
    kept->rating[kept->count] = rating;
    kept->index[kept->count] = (uint32_t)place;
    kept->count++;
    return CPS_OK;
}

#endif
