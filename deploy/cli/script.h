/* Runs the commands that are written in Python: compare, experiment, and the picture of map. */
#ifndef CPS_DEPLOY_CLI_SCRIPT_H
#define CPS_DEPLOY_CLI_SCRIPT_H

#include "common/options/options.h"
#include "common/options/pages.h"

/* The arguments of these commands, for the manual and the shell completion; generated at build time from the
 * commands' own tables. */
extern const struct cps_page_script cps_scripts[];

/* Replaces this process by the program called name with the NULL-terminated arguments. Returns only on failure:
 * CPS_ERR_USAGE when the program or Python is missing, or when 'experiment' runs under a launcher. */
enum cps_status cps_script(const char *name, const char *const *arguments);

#endif
