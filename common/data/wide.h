/*
 * Reads a matrix of ratings, a line per user and a column per item, into an intake:
 *
 *     user,Alien,Brazil,Casablanca        74,-7.82,8.79,99,…
 *     ann,5,,3                            100,4.08,99,6.36,…
 *
 * Where the file has a header its names are the items, else the items are numbered from 1.
 * Users are the ids of the user column, else the numbers of the data lines, from 1. A first
 * column that counts the ratings of its line, as Jester has it, is left out.
 */
#ifndef CPS_DATA_WIDE_H
#define CPS_DATA_WIDE_H

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/data/source.h"

struct cps_wide_request {
    const char *user_column; /* a header's name or a position from 1; NULL: a known name, else none */
    const char *missing;     /* what stands for no rating, beside nothing at all; compared as a number if
                                it is one. NULL: only nothing at all */
};

/* As cps_ratings_read(); a cell that is neither a number nor missing makes its line one that cannot
 * be read. */
enum cps_status cps_wide_read(const struct cps_source *source, const struct cps_wide_request *request,
                              struct cps_intake *intake, struct cps_rating_list *into,
                              char text[CPS_COLUMNS_TEXT_BYTES]);

#endif
