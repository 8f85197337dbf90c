/* The lr-find command: which learning rates a model bears, from a hundred steps of training. */
#ifndef CPS_DEPLOY_CLI_LR_FIND_H
#define CPS_DEPLOY_CLI_LR_FIND_H

#include "common/options/options.h"

/* Writes <out>.csv and <out>.svg and prints what they suggest; nothing else is left behind. Returns the exit
 * code; on the first rank the process may end as the program that draws. Collective. */
int cps_lr_find(struct cps_options *options);

#endif
