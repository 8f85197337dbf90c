/* Shows a run on a console (console.h), from its record. */
#ifndef CPS_SERVER_RECORD_SHOW_H
#define CPS_SERVER_RECORD_SHOW_H

#include "server/record/run_info.h"

/* Starts the console that the options ask for, on stdout and stderr. */
void cps_show_start(struct cps_console *console, const struct cps_recorder_setup *setup);

void cps_show_banner(const struct cps_console *console, const struct cps_run_info *info);

/* Prints a row of the table. */
void cps_show_epoch(struct cps_console *console, const struct cps_epoch_record *epoch);

/* Prints the summary of a complete run that trained for `seconds`. CPS_ERR_STORAGE when stdout could not be
 * written. */
enum cps_status cps_show_summary(struct cps_console *console, const struct cps_run_info *info,
                                 const struct cps_history *history, const struct cps_files *files,
                                 double seconds);

#endif
