/* Reads a file of ratings into an intake. */
#ifndef CPS_DATA_RATINGS_H
#define CPS_DATA_RATINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/text/source.h"

/* The part of a file to read: part `index` of `count`, in the order of the file. */
struct cps_ratings_share {
    uint32_t index, count;
};

/* Reads the ratings of the share, in order, and appends them to into. Malformed lines are skipped
 * as far as intake->skip allows; one more is CPS_ERR_DATA with file:line, and the intake then holds
 * the ratings before it. text gets a description of the columns used; *spans_lines is set if a record spans
 * several lines. */
enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_ratings_share share, struct cps_intake *intake,
                                 struct cps_rating_list *into, char text[CPS_COLUMNS_TEXT_BYTES],
                                 bool *spans_lines);

#endif
