/* Takes over the options of a recorded run, for commands that read its ratings or train it again. */
#ifndef CPS_DEPLOY_CLI_RECORDED_H
#define CPS_DEPLOY_CLI_RECORDED_H

#include "common/options/options.h"
#include "common/store/run_reader.h"

/* Sets options, those of the command 'replay', to the options that run was trained with; see cps_options_adopt.
 * Relative paths in the record are resolved against the folder in which the run was started. CPS_ERR_DATA when
 * a file no longer exists. */
enum cps_status cps_recorded_adopt(const struct cps_run_reader *run, struct cps_options *options,
                                   struct cps_text *differing, bool *other_data);

#endif
