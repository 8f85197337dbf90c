/*
 * users.tsv and movies.tsv: the user or movie of each row of the model.
 *
 *     row<TAB>user                 0  #na#
 *     row<TAB>movie<TAB>title      1  'Til There Was You (1997)  'Til There Was You (1997)
 *
 * A tab, newline, carriage return or backslash in a name is written \t, \n, \r, \\,
 * so that each line is one row, whatever the names contain.
 */
#ifndef CPS_STORE_NAMES_H
#define CPS_STORE_NAMES_H

#include "common/base/status.h"

struct cps_run_folder;
struct cps_vocabulary;

/* Replaces users.tsv in folder. CPS_ERR_STORAGE, as below. */
enum cps_status cps_names_write_users(const struct cps_run_folder *folder, const struct cps_vocabulary *users);

/* Replaces movies.tsv in folder. keys are the ids or titles that identify rows; titles
 * has a title for each row, or is NULL if there are no others; both columns then hold the
 * keys. */
enum cps_status cps_names_write_movies(const struct cps_run_folder *folder, const struct cps_vocabulary *keys,
                                       const struct cps_vocabulary *titles);

#endif
