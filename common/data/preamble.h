/* Skips the preamble of a ratings file and detects files without a table. */
#ifndef CPS_DATA_PREAMBLE_H
#define CPS_DATA_PREAMBLE_H

#include "common/base/status.h"
#include "common/text/fields.h"
#include "common/text/source.h"

struct cps_preamble {
    const char *line;                      /* the first line of the table, header or data */
    const struct cps_delimiter *delimiter; /* declared by the file, or NULL */
};

/* Skips blank lines, comments, "sep=;" and the head of a Matrix Market file. A comment that holds column
 * names ("#userId,movieId,rating") is taken as a header. Refuses JSON and markup with CPS_ERR_DATA. */
enum cps_status cps_preamble_skip(const struct cps_source *source, struct cps_preamble *out);

#endif
