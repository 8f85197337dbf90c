/*
 * The layout of a ratings file: its delimiter, whether it has a header, and which
 * columns hold user, item and rating.
 */
#ifndef CPS_DATA_COLUMNS_H
#define CPS_DATA_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/header.h"
#include "common/text/fields.h"
#include "common/text/source.h"

/* Columns beyond this number are ignored. */
#define CPS_COLUMNS_MAX 64
#define CPS_COLUMNS_TEXT_BYTES 320

/* The columns requested by the caller, indexed by role: a header's name or a 1-based position; NULL to
 * detect it. */
struct cps_column_request {
    const char *name[CPS_COLUMN_ROLES];
};

struct cps_columns {
    const struct cps_delimiter *delimiter;
    uint8_t role[CPS_COLUMNS_MAX]; /* enum cps_column_role of each column */
    size_t used;                   /* columns up to the last one needed */
    const char *data;              /* the first line after the header */
    /* "user = column 1 'userId', item = column 2 'movieId', rating = column 3 'rating'" */
    char text[CPS_COLUMNS_TEXT_BYTES];
};

/*
 * Detects the columns from the head of the file and a sample of its lines. Comments ('#', '%'),
 * Excel's "sep=;" and the size line of a Matrix Market file are skipped at the head.
 *
 * The first line after those is a header if it contains a requested name, or known names of all
 * roles, or no number. One that numbers the columns from 0 is skipped, unless the next line begins with 0 as
 * well. A header that is one name short names the columns from the second on if
 * the first column holds row names, as written by R's write.table.
 *
 * The column of a role is, in this order: the requested one; the one with a known name; a guess that counts
 * from the left and is checked by cps_guess_check(). A header that names some roles must name all
 * three; with a header of more than three columns that names none, nothing is guessed. Errors are CPS_ERR_DATA.
 */
enum cps_status cps_columns_detect(const struct cps_source *source, const struct cps_column_request *request,
                                   struct cps_columns *out);

/* Adds the hint for an error about a number with a decimal comma. Returns CPS_ERR_DATA. */
enum cps_status cps_columns_hint_at_comma(const struct cps_delimiter *delimiter);

#endif
