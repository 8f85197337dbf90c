/* The replay command: trains a recorded run again and compares the losses. */
#ifndef CPS_DEPLOY_CLI_REPLAY_H
#define CPS_DEPLOY_CLI_REPLAY_H

#include "common/options/options.h"

/* Trains as the run in options->run did, on the ranks of this job, and prints how losses and model compare.
 * Returns the exit code: 0 when they are equal, that of CPS_DIFFERS when not, else that of the error.
 * Collective. */
int cps_replay(struct cps_options *options);

#endif
