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
#include "common/data/source.h"

/* Columns beyond this are never looked at. */
#define CPS_COLUMNS_MAX 64

enum cps_column_role { CPS_COLUMN_USER, CPS_COLUMN_ITEM, CPS_COLUMN_RATING, CPS_COLUMN_OTHER };
#define CPS_COLUMN_ROLES 3

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
};

/* Works it out from the first line of source that is not blank. The first line is a
 * header when a wanted name is in it or nothing in it is a number. Columns that are
 * neither wanted nor recognised by name are taken from the left. CPS_ERR_DATA. */
enum cps_status cps_columns_detect(const struct cps_source *source, const struct cps_column_request *request,
                                   struct cps_columns *out);

/* The role's name in messages: "a user", "an item", "a rating". */
const char *cps_column_role_name(enum cps_column_role role);

/* The first line from 'at' on that holds more than blanks, or the end of source. */
const char *cps_skip_blank_lines(const struct cps_source *source, const char *at);

#endif
