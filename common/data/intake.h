/*
 * The destination of ratings during reading: ids are numbered in order of first appearance, and ratings
 * are stored in columns.
 */
#ifndef CPS_DATA_INTAKE_H
#define CPS_DATA_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/ids.h"
#include "common/data/rating_list.h"
#include "common/data/skip.h"
#include "common/data/titles.h"

struct cps_intake {
    struct cps_ids users, items;
    const struct cps_titles *titles; /* borrowed; NULL when items are keyed by id */
    float rating_min, rating_max;
    struct cps_skip skip; /* malformed lines */
    struct cps_reading reading;
};

/* titles may be NULL; skip_limit is the number of malformed lines to skip. */
void cps_intake_init(struct cps_intake *self, const struct cps_titles *titles, uint64_t skip_limit);
void cps_intake_release(struct cps_intake *self);

/* Numbers a new item id; if titles are in use and the item has none, *number is CPS_IDS_NONE. */
enum cps_status cps_intake_new_item(struct cps_intake *self, uint64_t id, uint32_t *number);
enum cps_status cps_intake_new_item_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number);

/* The number of an integer id that may be new. */
static inline enum cps_status cps_intake_user(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    *number = cps_ids_find_direct(&self->users, id);
    return *number != CPS_IDS_NONE ? CPS_OK : cps_ids_add_integer(&self->users, id, number);
}

static inline enum cps_status cps_intake_item(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    *number = cps_ids_find_direct(&self->items, id);
    return *number != CPS_IDS_NONE ? CPS_OK : cps_intake_new_item(self, id, number);
}

/* Appends the rating of item number item by user number user to into. */
static inline enum cps_status cps_intake_rating(struct cps_intake *self, struct cps_rating_list *into,
                                                uint32_t user, uint32_t item, float rating)
{
    self->rating_min = rating < self->rating_min ? rating : self->rating_min;
    self->rating_max = rating > self->rating_max ? rating : self->rating_max;
    if (into->count == into->capacity)
        CPS_TRY(cps_rating_list_grow(into));
    into->user[into->count] = user;
    into->item[into->count] = item;
    into->rating[into->count++] = rating;
    if (into->count % CPS_READING_EVERY == 0 && self->reading.on_ratings)
        CPS_TRY(self->reading.on_ratings(self->reading.context, into->count));
    return CPS_OK;
}

#endif
