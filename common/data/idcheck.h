/* Validation of ids and titles. */
#ifndef CPS_DATA_IDCHECK_H
#define CPS_DATA_IDCHECK_H

#include <stddef.h>

#include "common/base/status.h"
#include "common/text/source.h"

/* Refuses, naming the line at 'at' of source, an id that is empty, longer than
 * CPS_ID_MAX_BYTES, not UTF-8, or contains a control character, which the run's users.tsv and
 * movies.tsv could not represent. what is "user id" or the like. Errors are CPS_ERR_DATA. */
enum cps_status cps_id_check(const struct cps_source *source, const char *at, const char *what,
                             const char *text, size_t length);

#endif
