/* The lr-find command: finds suitable learning rates for a model in a hundred steps of training. */
#ifndef CPS_DEPLOY_CLI_LR_FIND_H
#define CPS_DEPLOY_CLI_LR_FIND_H

#include "common/options/options.h"

/* Writes <out>.csv and <out>.svg, prints the suggested learning rates, and leaves no other files. Returns the
 * exit code; on the first rank the process may be replaced by the program that draws. Collective. */
int cps_lr_find(struct cps_options *options);

#endif
