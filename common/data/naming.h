/* Assigns rows to ids: the vocabularies of a set, and the row of each id. */
#ifndef CPS_DATA_NAMING_H
#define CPS_DATA_NAMING_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/ids.h"
#include "common/data/titles.h"

struct cps_naming {
    const struct cps_titles *titles; /* borrowed; NULL when items are keyed by id */
    uint32_t user_rows, movie_rows; /* given row counts, see struct cps_dataset_request; set to 0 if not used */
    uint32_t *user_row, *movie_row; /* out: the row of each id number */
};

/* Fills the vocabularies of *out and the rows of self. Release self also after an error. */
enum cps_status cps_naming_apply(struct cps_naming *self, const struct cps_ids *users,
                                 const struct cps_ids *items, struct cps_dataset *out);

/* Renumbers a set that already has rows: if given row counts fit its ids, rows become row numbers of that
 * table, for users, and for movies without titles. Replaces vocabularies of *set; user_row and movie_row map
 * old rows to new ones and are NULL where nothing changes. */
enum cps_status cps_naming_rename(struct cps_naming *self, struct cps_dataset *set);
void cps_naming_release(struct cps_naming *self);

#endif
