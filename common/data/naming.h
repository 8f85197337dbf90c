/* Rows for ids: the vocabularies of a set, and where each id went. */
#ifndef CPS_DATA_NAMING_H
#define CPS_DATA_NAMING_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/ids.h"
#include "common/data/titles.h"

struct cps_naming {
    const struct cps_titles *titles; /* borrowed; NULL when items are keyed by id */
    uint32_t user_rows, movie_rows;  /* given rows, see struct cps_dataset_request; 0 afterwards if not taken */
    uint32_t *user_row, *movie_row;  /* out: of each id, by its number */
};

/* Fills the vocabularies of *out and the rows of self. Release self in any case. */
enum cps_status cps_naming_apply(struct cps_naming *self, const struct cps_ids *users,
                                 const struct cps_ids *items, struct cps_dataset *out);

/* The same for a set whose rows are named already: rows for ids of users, and of movies where they have no
 * titles, if rows are given that fit. Replaces vocabularies of *set; user_row and movie_row are of rows, NULL
 * where they stay as they are. */
enum cps_status cps_naming_rename(struct cps_naming *self, struct cps_dataset *set);
void cps_naming_release(struct cps_naming *self);

#endif
