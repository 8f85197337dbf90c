/* Checks for options that contradict each other. */
#ifndef CPS_OPTIONS_CHECK_H
#define CPS_OPTIONS_CHECK_H

#include "common/options/options.h"

/* Resolves contradictions between options from different sources in favour of the stronger source, and refuses
 * those from the same source with CPS_ERR_USAGE. Each value must already be within its own bounds. */
enum cps_status cps_options_check(struct cps_options *self);

#endif
