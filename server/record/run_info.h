/*
 * Fills the record of a run (store/run_record.h): from options, plan and data when the run begins, after each
 * epoch, and when the run ends.
 */
#ifndef CPS_SERVER_RECORD_RUN_INFO_H
#define CPS_SERVER_RECORD_RUN_INFO_H

#include "common/store/history.h"
#include "server/record/files.h"
#include "server/record/saver.h"
#include "server/record/setup.h"

struct cps_run_info {
    const struct cps_recorder_setup *setup;
    struct cps_run_record record;
    struct cps_record_option *options;
    size_t option_count, option_capacity;
    struct cps_tensorboard_option
        *curve_options; /* options the loss curve depends on; texts borrowed from options */
    size_t curve_option_count, curve_option_capacity;
    struct cps_record_timing timings[8];
    struct cps_epoch_times spent; /* total of all epochs */
    char fingerprint[CPS_SHA256_HEX_BYTES];
    bool has_origin; /* all of it, with the input files */
    char state[CPS_ERROR_BYTES + 16];
};

/* Duration of the parts of a run. */
struct cps_recorder_seconds {
    double load, train, save, total;
};

/* Initializes the record from setup, which is borrowed. Needs release even when it failed. */
enum cps_status cps_run_info_init(struct cps_run_info *self, const struct cps_recorder_setup *setup);
void cps_run_info_release(struct cps_run_info *self);

/* Adds the input files, if their hashes are known or self may wait for them; *news tells whether it did. */
enum cps_status cps_run_info_origin(struct cps_run_info *self, bool waits, bool *news);

/* Adds the last epoch of history, which has just ended. */
void cps_run_info_epoch(struct cps_run_info *self, const struct cps_history *history);

/* Adds the models in the run folder; model.safetensors is that of epoch. files is borrowed. */
void cps_run_info_models(struct cps_run_info *self, const struct cps_files *files, uint32_t epoch);

/* Adds the checkpoints that saver (may be NULL) has saved so far. */
void cps_run_info_checkpoints(struct cps_run_info *self, const struct cps_saver *saver);

/* Adds the end of the run with status and, unless that is CPS_OK, the current error. */
void cps_run_info_end(struct cps_run_info *self, enum cps_status status,
                      const struct cps_recorder_seconds *seconds);

/* The number of ratings that all steps trained on; an interrupted epoch counts in proportion. */
uint64_t cps_run_info_ratings(const struct cps_run_info *self);

#endif
