/*
 * Reads a matrix of ratings, a line per user and a column per item, into an intake:
 *
 *     user,Alien,Brazil,Casablanca        74,-7.82,8.79,99,…
 *     ann,5,,3                            100,4.08,99,6.36,…
 *
 * The items are the names in the header if there is one, else they are numbered from 1.
 * Users are the ids of the user column, else the numbers of the data lines, from 1. A first
 * column that counts the ratings of its line, as in Jester, is ignored.
 */
#ifndef CPS_DATA_WIDE_H
#define CPS_DATA_WIDE_H

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/text/source.h"

struct cps_wide_request {
    const char *user_column; /* a header's name or a position from 1; NULL: a known name, else none */
    const char *missing;     /* value that means no rating, besides an empty cell; compared as a number if
                                it is one. NULL: only an empty cell */
};

/* Reads like cps_ratings_read(); a cell that is neither a number nor `missing` makes its line malformed. */
enum cps_status cps_wide_read(const struct cps_source *source, const struct cps_wide_request *request,
                              struct cps_intake *intake, struct cps_rating_list *into,
                              char text[CPS_COLUMNS_TEXT_BYTES]);

#endif
