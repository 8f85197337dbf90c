/*
 * The titles of items, from a MovieLens title file.
 *
 * Items with equal titles later share a row, so an item refers to a title's number instead of its text.
 */
#ifndef CPS_DATA_TITLES_H
#define CPS_DATA_TITLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/ids.h"
#include "common/text/fields.h"
#include "common/text/source.h"

/* All zeroes is a valid empty object. */
struct cps_titles {
    struct cps_ids ids; /* of the items */
    uint32_t *title_of; /* title number of each item number */
    size_t capacity;
    struct cps_ids names; /* the distinct titles, as UTF-8 strings */
};

/* Reads lines of id and title. A file that is not UTF-8 is read as ISO 8859-1, the encoding of
 * the older sets. A first line whose title is 'title' is a header. CPS_ERR_DATA with
 * file:line. Release self also after an error. */
enum cps_status cps_titles_read(struct cps_titles *self, const struct cps_source *source,
                                const struct cps_delimiter *delimiter);

/* Adds one item. *agrees is false if the item is already known by another title. */
enum cps_status cps_titles_add(struct cps_titles *self, const char *id, size_t id_length, const char *title,
                               size_t title_length, bool *agrees);

/* The title number of the item with this id, or CPS_IDS_NONE. */
uint32_t cps_titles_find(const struct cps_titles *self, const char *id, size_t length);

void cps_titles_release(struct cps_titles *self);

#endif
