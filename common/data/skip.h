/* Lines that cannot be read and are left out, as --skip-bad allows. */
#ifndef CPS_DATA_SKIP_H
#define CPS_DATA_SKIP_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"

#define CPS_SKIP_ALL UINT64_MAX
/* Lines that are told one by one. */
#define CPS_SKIP_TOLD 10

struct cps_skip {
    uint64_t limit;       /* lines that may be skipped; 0 allows none, CPS_SKIP_ALL any number */
    uint64_t count;       /* lines skipped */
    struct cps_text told; /* the errors of the first CPS_SKIP_TOLD, a line each */
};

void cps_skip_release(struct cps_skip *self);

/* Counts a line that the error of this thread, a CPS_ERR_DATA, is about, and clears the error. Returns the
 * error, with a hint, when that is one line too many. */
enum cps_status cps_skip_line(struct cps_skip *self);

#endif
