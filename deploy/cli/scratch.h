/* A temporary folder for a run that is not kept. */
#ifndef CPS_DEPLOY_CLI_SCRATCH_H
#define CPS_DEPLOY_CLI_SCRATCH_H

#include "common/base/status.h"

#define CPS_SCRATCH_BYTES 4096

/* Makes an empty folder for command in $TMPDIR, or in /tmp if that is not set, and writes its path to path. On
 * failure path is "" and the status CPS_ERR_STORAGE. */
enum cps_status cps_scratch_make(const char *command, char path[CPS_SCRATCH_BYTES]);

/* Removes the folder at path with its contents; does nothing when path is "". */
void cps_scratch_remove(const char *path);

#endif
