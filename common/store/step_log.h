/*
 * steps.csv: every step's learning rate, momentum and batch loss (--log-steps).
 *
 *     step,lr,mom,loss
 *
 * It may grow to many megabytes, so unlike the other records it is not rewritten:
 * whole epochs of lines are appended. A failed write is undone, so that the file
 * always ends with a whole epoch; only a kill during an append can leave a
 * line without its newline, which readers drop.
 */
#ifndef CPS_STORE_STEP_LOG_H
#define CPS_STORE_STEP_LOG_H

#include <stdint.h>

#include "common/base/append.h"

struct cps_run_folder;

struct cps_step_log {
    struct cps_append_file file;
};

/* Makes steps.csv in folder its header line. CPS_ERR_STORAGE, as below. */
enum cps_status cps_step_log_open(struct cps_step_log *self, const struct cps_run_folder *folder);

/* Continues steps.csv after its first `bytes` bytes; see cps_append_file_continue. */
enum cps_status cps_step_log_continue(struct cps_step_log *self, const struct cps_run_folder *folder,
                                      uint64_t bytes, bool *is_short);

/* Adds the line of a step (0-based); kept in memory until flush. */
enum cps_status cps_step_log_add(struct cps_step_log *self, uint64_t step, double lr, double mom, double loss);

/* Appends the lines added since the last flush: at the end of an epoch, or of the run. */
enum cps_status cps_step_log_flush(struct cps_step_log *self);

/* Flushes to the disk and closes; harmless when not open. */
enum cps_status cps_step_log_close(struct cps_step_log *self);

#endif
