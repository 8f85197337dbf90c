/*
 * Known names of columns in ratings files.
 *
 * Names are compared without regard to case, blanks and punctuation: "userId", "User-ID"
 * and "user_id" are the same name.
 */
#ifndef CPS_DATA_HEADER_H
#define CPS_DATA_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text/fields.h"

enum cps_column_role { CPS_COLUMN_USER, CPS_COLUMN_ITEM, CPS_COLUMN_RATING, CPS_COLUMN_OTHER };
#define CPS_COLUMN_ROLES 3

/* The role's name in messages: "a user", "an item", "a rating". */
const char *cps_column_role_name(enum cps_column_role role);

#define CPS_COLUMN_NONE SIZE_MAX

/* The column with exactly this name (in any case), or CPS_COLUMN_NONE. */
size_t cps_header_find(const struct cps_field *names, size_t count, const char *name);

/* The column with a common name for the role, or CPS_COLUMN_NONE. If there are several, the most specific name
 * wins: "userId" before "u". */
size_t cps_header_find_role(const struct cps_field *names, size_t count, enum cps_column_role role);

/* Whether the name denotes a time: "timestamp", "date" and the like. */
bool cps_header_is_time(const struct cps_field *name);

#endif
