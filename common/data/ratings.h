/* Reads a file of ratings into an intake. */
#ifndef CPS_DATA_RATINGS_H
#define CPS_DATA_RATINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/data/source.h"

/* The share of a file that is read: part number index of count, in the order of the file. */
struct cps_ratings_share {
    uint32_t index, count;
};

/* Reads the ratings of the share, in order, behind those that into has. A line that cannot be read is skipped
 * as far as intake->skip allows; the next one is CPS_ERR_DATA with file:line, and the intake then holds
 * what came before it. text tells which columns were taken; *spans_lines is set when a record took more than
 * one line. */
enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_ratings_share share, struct cps_intake *intake,
                                 struct cps_rating_list *into, char text[CPS_COLUMNS_TEXT_BYTES],
                                 bool *spans_lines);

#endif
