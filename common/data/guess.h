/*
 * Checking a guess at columns that no header names.
 *
 * Up to 2,048 lines from all over the file are looked at. The guess stands when nothing
 * speaks against it: the values of the rating column repeat, are of a rating's size, differ
 * within a user and within an item; the pairs of user and item hardly repeat; and no other
 * column could be the ratings as well.
 */
#ifndef CPS_DATA_GUESS_H
#define CPS_DATA_GUESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"
#include "common/data/fields.h"
#include "common/data/header.h"
#include "common/data/source.h"

/* Columns beyond this are not sampled. */
#define CPS_GUESS_COLUMNS 16

struct cps_guess {
    const struct cps_delimiter *delimiter;
    const char *data;                /* the first line of data */
    size_t count;                    /* columns of a line */
    size_t column[CPS_COLUMN_ROLES]; /* the guess */
    bool guessed[CPS_COLUMN_ROLES];  /* false for a column that is known */
};

#define CPS_GUESS_REASON_BYTES 160

/* Writes why the guess may not stand, or "" when it may. Fewer than ten lines prove nothing, so that
 * their guess stands. CPS_ERR_MEMORY alone. */
enum cps_status cps_guess_check(const struct cps_guess *self, const struct cps_source *source,
                                char reason[CPS_GUESS_REASON_BYTES]);

/* Whether column is made of row names: no value twice in the lines that were looked at, and on none
 * empty. False for fewer than two lines. */
enum cps_status cps_guess_row_names(const struct cps_source *source, const struct cps_delimiter *delimiter,
                                    const char *data, size_t count, bool *out);

#endif
