/* Malformed lines that are skipped, as --skip-bad allows. */
#ifndef CPS_DATA_SKIP_H
#define CPS_DATA_SKIP_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"

#define CPS_SKIP_ALL UINT64_MAX
/* The number of skipped lines that are reported individually. */
#define CPS_SKIP_TOLD 10

struct cps_skip {
    uint64_t limit;       /* lines that may be skipped; 0 allows none, CPS_SKIP_ALL any number */
    uint64_t count;       /* lines skipped */
    struct cps_text told; /* the errors of the first CPS_SKIP_TOLD, one per line */
};

void cps_skip_release(struct cps_skip *self);

/* Counts the malformed line that this thread's last error (a CPS_ERR_DATA) describes and clears the error.
 * Returns the error, with a hint, if the limit is exceeded. */
enum cps_status cps_skip_line(struct cps_skip *self);

#endif
