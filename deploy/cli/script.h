/* The commands that are programs in Python: compare, experiment, and the picture of map. */
#ifndef CPS_DEPLOY_CLI_SCRIPT_H
#define CPS_DEPLOY_CLI_SCRIPT_H

#include "common/options/options.h"
#include "common/options/pages.h"

/* What they take, for the manual and the completion. Their own tables have it, from
 * which it is written when the program is built. */
extern const struct cps_page_script cps_scripts[];

/* Becomes the program called name, with arguments, which end with NULL; returns only when that cannot be:
 * CPS_ERR_USAGE without the program or without Python, and for 'experiment' under a launcher. */
enum cps_status cps_script(const char *name, const char *const *arguments);

#endif
