/* The command 'doctor': says before a run what would go wrong with it. */
#ifndef CPS_DEPLOY_DOCTOR_DOCTOR_H
#define CPS_DEPLOY_DOCTOR_DOCTOR_H

#include "common/options/options.h"

/* Looks at this process, or under a launcher at all ranks and hosts, and prints what it finds on rank 0. build
 * is a text that names the program's build. Returns the exit code: 1 when something is wrong. Every wait ends
 * within half a minute. Collective. */
int cps_doctor(const struct cps_options *options, const char *build);

#endif
