/*
 * Checks a guess of columns without a header.
 *
 * Up to 2,048 lines from all parts of the file are examined. The guess is accepted unless the data contradict
 * it: the values of the rating column must repeat, have a plausible magnitude, and differ within a user and
 * within an item; pairs of user and item must rarely repeat; and no other column may look like ratings too.
 */
#ifndef CPS_DATA_GUESS_H
#define CPS_DATA_GUESS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"
#include "common/data/header.h"
#include "common/text/fields.h"
#include "common/text/source.h"

/* Columns beyond this number are not sampled. */
#define CPS_GUESS_COLUMNS 16

struct cps_guess {
    const struct cps_delimiter *delimiter;
    const char *data;                /* the first line of data */
    size_t count;                    /* columns of a line */
    size_t column[CPS_COLUMN_ROLES]; /* the guess */
    bool guessed[CPS_COLUMN_ROLES];  /* false for a known column */
};

#define CPS_GUESS_REASON_BYTES 160

/* Writes the reason to reject the guess, or "" to accept it. With fewer than ten lines the guess is accepted.
 * The only error is CPS_ERR_MEMORY. */
enum cps_status cps_guess_check(const struct cps_guess *self, const struct cps_source *source,
                                char reason[CPS_GUESS_REASON_BYTES]);

/* Whether the first column holds row names: in the lines examined no value repeats or is empty. False for
 * fewer than two lines. */
enum cps_status cps_guess_row_names(const struct cps_source *source, const struct cps_delimiter *delimiter,
                                    const char *data, size_t count, bool *out);

#endif
