/*
 * Resumes a run: restores its options, checks that its data are unchanged, and finds its newest valid
 * checkpoint, all on the first rank.
 *
 *   RUN/run.json -> options -> inputs and data: unchanged? -> plan
 *   RUN/checkpoints -> the newest one of this run, data and plan -> cps_former_run
 */
#ifndef CPS_DEPLOY_CLI_RESUME_H
#define CPS_DEPLOY_CLI_RESUME_H

#include "common/options/options.h"

/* Continues the run in options->resume as options say. Returns the exit code. Collective. */
int cps_resume(struct cps_options *options);

#endif
