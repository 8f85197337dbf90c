/*
 * The file layouts in which MovieLens is distributed.
 *
 *     u.data + u.item            100k
 *     ratings.dat + movies.dat   1M, 10M
 *     ratings.csv + movies.csv   20M, 25M, 32M, latest
 *
 * The last two may be mixed: 1M also circulates as ratings.csv + movies.dat.
 */
#ifndef CPS_DATA_MOVIELENS_H
#define CPS_DATA_MOVIELENS_H

#include <stdbool.h>

#include "common/base/status.h"
#include "common/text/fields.h"

#define CPS_PATH_BYTES 4096

struct cps_movielens {
    const char *name;          /* "MovieLens 100k" */
    const char *ratings_name;  /* "u.data" */
    const char *titles_name;   /* NULL when there is no title file */
    const char *titles_wanted; /* the title file that this layout should have */
    char ratings_path[CPS_PATH_BYTES], titles_path[CPS_PATH_BYTES];
    const struct cps_delimiter *title_delimiter;
};

/* Whether path is a folder. */
bool cps_is_folder(const char *path);

/* Detects the layout of a folder. CPS_ERR_DATA if it has none. */
enum cps_status cps_movielens_find(const char *folder, struct cps_movielens *out);

#endif
