/* The commands that are programs in Python: compare and experiment. */
#ifndef CPS_DEPLOY_CLI_SCRIPT_H
#define CPS_DEPLOY_CLI_SCRIPT_H

#include "common/options/options.h"

/* Becomes the program of options->command, with options->arguments; returns only when that cannot be:
 * CPS_ERR_USAGE without the program or without Python, and for 'experiment' under a launcher. */
enum cps_status cps_script(const struct cps_options *options);

#endif
