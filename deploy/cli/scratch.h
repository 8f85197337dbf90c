/* A folder for a run that nobody is to see. */
#ifndef CPS_DEPLOY_CLI_SCRATCH_H
#define CPS_DEPLOY_CLI_SCRATCH_H

#include "common/base/status.h"

#define CPS_SCRATCH_BYTES 4096

/* Makes an empty folder for a command in $TMPDIR, or else /tmp. path is "" on failure: CPS_ERR_STORAGE. */
enum cps_status cps_scratch_make(const char *command, char path[CPS_SCRATCH_BYTES]);

/* Removes it with all that is in it; "" is none. */
void cps_scratch_remove(const char *path);

#endif
