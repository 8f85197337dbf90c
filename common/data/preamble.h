/* What stands before the table in a ratings file, and files that hold no table. */
#ifndef CPS_DATA_PREAMBLE_H
#define CPS_DATA_PREAMBLE_H

#include "common/base/status.h"
#include "common/data/fields.h"
#include "common/data/source.h"

struct cps_preamble {
    const char *line;                      /* the first line of the table, header or data */
    const struct cps_delimiter *delimiter; /* that the file declares, or NULL */
};

/* Skips blank lines, comments, "sep=;" and the head of a Matrix Market file. A comment that is a header
 * ("#userId,movieId,rating") is one. Refuses JSON and markup: CPS_ERR_DATA. */
enum cps_status cps_preamble_skip(const struct cps_source *source, struct cps_preamble *out);

#endif
