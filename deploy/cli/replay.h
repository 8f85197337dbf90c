/* The replay command: a recorded run trained again, and whether its losses are the same. */
#ifndef CPS_DEPLOY_CLI_REPLAY_H
#define CPS_DEPLOY_CLI_REPLAY_H

#include "common/options/options.h"

/* Trains as the run in options->run did, with the ranks that there are, and prints how losses
 * and model compare. Returns the exit code: 0 the same, that of CPS_DIFFERS when not, else that of
 * the error. Collective. */
int cps_replay(struct cps_options *options);

#endif
