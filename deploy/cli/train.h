/* The train command. */
#ifndef CPS_DEPLOY_CLI_TRAIN_H
#define CPS_DEPLOY_CLI_TRAIN_H

#include "common/options/options.h"

/* Trains as options say, together with the other ranks if a launcher started several. Prints results and errors
 * on the first rank. Returns the exit code; does not return when another rank was lost. Collective. */
int cps_train(struct cps_options *options);

#endif
