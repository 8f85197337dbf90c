/* The command 'doctor': finds problems with hosts, files and networks before a run. */
#ifndef CPS_DEPLOY_DOCTOR_DOCTOR_H
#define CPS_DEPLOY_DOCTOR_DOCTOR_H

#include "common/options/options.h"

/* Examines this process, or under a launcher all ranks and hosts, and prints the findings on rank 0. build is a
 * text that identifies the program's build. Returns the exit code: 1 when something is wrong. No wait takes
 * more than half a minute. Collective. */
int cps_doctor(const struct cps_options *options, const char *build);

#endif
