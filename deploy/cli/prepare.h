/* The command 'prepare': a set of ratings into a file that needs no parsing. */
#ifndef CPS_DEPLOY_CLI_PREPARE_H
#define CPS_DEPLOY_CLI_PREPARE_H

#include "common/base/status.h"
#include "common/options/options.h"

/* Not collective. */
enum cps_status cps_prepare(const struct cps_options *options);

#endif
