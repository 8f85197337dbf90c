/*
 * A run that goes on: its options, its data held to what they were, and its newest valid checkpoint. For the
 * first rank alone.
 *
 *   RUN/run.json -> options (cps_resume_settle) -> inputs, data: the same? -> plan
 *   RUN/checkpoints -> the newest that is of this run, of this data and plan -> cps_former_run
 */
#ifndef CPS_DEPLOY_CLI_RESUME_H
#define CPS_DEPLOY_CLI_RESUME_H

#include "common/options/options.h"

/* Trains as options say, going on with the run in options->resume. Returns the exit code. Collective. */
int cps_resume(struct cps_options *options);

#endif
