/*
 * Where ratings go as they are read: ids get numbers, samples of this shard are kept,
 * all others only counted.
 *
 * What a rating costs is paid per id, not per rating: whether a user is of this shard
 * and which title an item has is worked out when the id is first seen.
 */
#ifndef CPS_DATA_INTAKE_H
#define CPS_DATA_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/ids.h"
#include "common/data/samples.h"
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
};

/* keep false counts only. titles may be NULL. */
void cps_intake_init(struct cps_intake *self, uint32_t shard, uint32_t shards, bool keep,
                     const struct cps_titles *titles);
void cps_intake_release(struct cps_intake *self);

/* Settles what depends on the id of user or item number, the one added last.
 * *titled is false when there are titles but none for this item. */
enum cps_status cps_intake_new_user(struct cps_intake *self, uint32_t number);
enum cps_status cps_intake_new_item(struct cps_intake *self, uint32_t number, bool *titled);

/* Adds an integer id that may be new, and settles it. */
static inline enum cps_status cps_intake_user(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    *number = cps_ids_find_direct(&self->users, id);
    if (*number != CPS_IDS_NONE)
        return CPS_OK;
    uint32_t known = self->users.count;
    CPS_TRY(cps_ids_add_integer(&self->users, id, number));
    return *number == known ? cps_intake_new_user(self, known) : CPS_OK;
}

static inline enum cps_status cps_intake_item(struct cps_intake *self, uint64_t id, uint32_t *number,
                                              bool *titled)
{
    *titled = true;
    *number = cps_ids_find_direct(&self->items, id);
    if (*number != CPS_IDS_NONE)
        return CPS_OK;
    uint32_t known = self->items.count;
    CPS_TRY(cps_ids_add_integer(&self->items, id, number));
    return *number == known ? cps_intake_new_item(self, known, titled) : CPS_OK;
}

/* Takes the rating of item number item by user number user. */
static inline enum cps_status cps_intake_rating(struct cps_intake *self, struct cps_sample_buffer *into,
                                                uint32_t user, uint32_t item, float rating)
{
    uint64_t place = into->seen++;
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
