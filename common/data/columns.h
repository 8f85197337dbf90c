/*
 * How a ratings file is laid out: its delimiter, whether it has a header, and which
 * columns hold user, item and rating.
 */
#ifndef CPS_DATA_COLUMNS_H
#define CPS_DATA_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/fields.h"
#include "common/data/header.h"
#include "common/data/source.h"

/* Columns beyond this are never looked at. */
#define CPS_COLUMNS_MAX 64
#define CPS_COLUMNS_TEXT_BYTES 320

/* Which columns the caller wants: a header's name or a position from 1; NULL finds it.
 * Indexed by role. */
struct cps_column_request {
    const char *name[CPS_COLUMN_ROLES];
};

struct cps_columns {
    const struct cps_delimiter *delimiter;
    uint8_t role[CPS_COLUMNS_MAX]; /* enum cps_column_role of each column */
    size_t used;                   /* columns up to the last that is needed */
    const char *data;              /* the first line after the header */
    /* "user = column 1 'userId', item = column 2 'movieId', rating = column 3 'rating'" */
    char text[CPS_COLUMNS_TEXT_BYTES];
};

/*
 * Finds them from the head of the file and a sample of its lines. Skipped at the head are
 * comments ('#', '%'), Excel's "sep=;" and the size line of a Matrix Market file.
 *
 * The first line after those is a header when a wanted name is in it, or known names of all
 * roles, or no number. A header that is one name short names the columns from the second on when
 * the first column holds row names, as R's write.table has it.
 *
 * A column is, in this order: the wanted one; the one with a known name; a guess that counts
 * from the left and is checked by cps_guess_check(). A header that names some roles must name all
 * three, and one of more than three columns that names none is not guessed at. CPS_ERR_DATA.
 */
enum cps_status cps_columns_detect(const struct cps_source *source, const struct cps_column_request *request,
                                   struct cps_columns *out);

/* The hint to an error about a number with a comma. Returns CPS_ERR_DATA. */
enum cps_status cps_columns_hint_at_comma(const struct cps_delimiter *delimiter);

#endif
