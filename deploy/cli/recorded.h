/* The options of a recorded run, for commands that read its ratings or train it again. */
#ifndef CPS_DEPLOY_CLI_RECORDED_H
#define CPS_DEPLOY_CLI_RECORDED_H

#include "common/options/options.h"
#include "common/store/run_reader.h"

/* Makes options, of the command 'replay', those that run was trained with; see cps_options_adopt. Paths of
 * the record are taken from the folder that the run was started in. CPS_ERR_DATA when one of them is gone. */
enum cps_status cps_recorded_adopt(const struct cps_run_reader *run, struct cps_options *options,
                                   struct cps_text *differing, bool *other_data);

#endif
