/* What options may not say together. */
#ifndef CPS_OPTIONS_CHECK_H
#define CPS_OPTIONS_CHECK_H

#include "common/options/options.h"

/* Settles contradictions between values of unequal strength in favour of the stronger
 * source and refuses those between equals, with CPS_ERR_USAGE. Each value is already
 * within its own bounds. */
enum cps_status cps_options_check(struct cps_options *self);

#endif
