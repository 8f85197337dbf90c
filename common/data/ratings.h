/* Reads a file of ratings into an intake. */
#ifndef CPS_DATA_RATINGS_H
#define CPS_DATA_RATINGS_H

#include "common/base/status.h"
#include "common/data/columns.h"
#include "common/data/intake.h"
#include "common/data/source.h"

/* Reads every rating of source, in order. CPS_ERR_DATA with file:line for the first
 * line that is not one; the intake then holds what came before it. */
enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_intake *intake, struct cps_sample_buffer *into);

#endif
