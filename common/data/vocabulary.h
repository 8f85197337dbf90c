/*
 * Assigns rows to external ids: row 0 is '#na#', then the ids with ratings follow in order.
 *
 * Integers are ordered by value when all ids of the column are integers; otherwise
 * all of them are strings and ordered by their bytes, which for UTF-8 is the order of
 * code points.
 */
#ifndef CPS_DATA_VOCABULARY_H
#define CPS_DATA_VOCABULARY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/ids.h"

/* The name of row 0, the id for "unknown". */
#define CPS_NA_NAME "#na#"

void cps_vocabulary_release(struct cps_vocabulary *self);

/* A copy that owns its names. */
enum cps_status cps_vocabulary_copy(const struct cps_vocabulary *from, struct cps_vocabulary *out);

/* Makes rows for the ids for which used is true (NULL: for all). *row_of has ids->count
 * entries, 0 for unused ids, and is freed by the caller. Both outputs are set only on
 * success. */
enum cps_status cps_vocabulary_build(const struct cps_ids *ids, const bool *used, struct cps_vocabulary *out,
                                     uint32_t **row_of);

/* Whether the ids of a column can be row numbers of a table of given_rows rows: all are
 * integers below it. */
bool cps_vocabulary_ids_are_rows(const struct cps_ids *ids, uint32_t given_rows);

/* cps_vocabulary_build for ids that are row numbers: row r is named r. */
enum cps_status cps_vocabulary_of_rows(const struct cps_ids *ids, uint32_t given_rows,
                                       struct cps_vocabulary *out, uint32_t **row_of);

/* Makes a vocabulary whose names are all external ids of a row, in order and separated by '|', for ids
 * that share rows: row_of[n] is the row of id number n. Row 0 is '#na#'. */
enum cps_status cps_vocabulary_of_groups(const struct cps_ids *ids, const uint32_t *row_of, uint32_t rows,
                                         struct cps_vocabulary *out);

#endif
