/* Reads a file of ratings into an intake. */
#ifndef CPS_DATA_RATINGS_H
#define CPS_DATA_RATINGS_H

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/data/source.h"

/* Reads every rating of source, in order. A line that cannot be read is skipped as far as
 * intake->skip allows; the next one is CPS_ERR_DATA with file:line, and the intake then holds
 * what came before it. text tells which columns were taken. */
enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_intake *intake, struct cps_sample_buffer *into,
                                 char text[CPS_COLUMNS_TEXT_BYTES]);

#endif
