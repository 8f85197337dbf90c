/* The train command. */
#ifndef CPS_DEPLOY_CLI_TRAIN_H
#define CPS_DEPLOY_CLI_TRAIN_H

#include "common/options/options.h"

/* Trains as options say, with the other ranks if a launcher started them. Prints results and, on the first
 * rank, errors. Returns the exit code; does not return when another rank was lost. Collective. */
int cps_train(struct cps_options *options);

#endif
