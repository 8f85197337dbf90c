/* The command 'prepare': converts a set of ratings to a binary file that loads without parsing. */
#ifndef CPS_DEPLOY_CLI_PREPARE_H
#define CPS_DEPLOY_CLI_PREPARE_H

#include "common/base/status.h"
#include "common/options/options.h"

/* Reads the ratings that options name and writes the prepared file. Not collective. */
enum cps_status cps_prepare(const struct cps_options *options);

#endif
