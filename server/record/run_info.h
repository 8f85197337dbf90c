/*
 * The record of a run (store/run_record.h) as it is filled: from options, plan and data when the
 * run begins, from each epoch as it comes, and from how the run ends.
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
    struct cps_tensorboard_option *curve_options; /* those of them that decide the curve; borrow their texts */
    size_t curve_option_count, curve_option_capacity;
    struct cps_record_timing timings[8];
    struct cps_epoch_times spent; /* over the epochs */
    char fingerprint[CPS_SHA256_HEX_BYTES];
    char state[CPS_ERROR_BYTES + 16];
};

/* How long parts of the run took. */
struct cps_recorder_seconds {
    double load, train, save, total;
};

/* setup is borrowed. Needs release even when it failed. */
enum cps_status cps_run_info_init(struct cps_run_info *self, const struct cps_recorder_setup *setup);
void cps_run_info_release(struct cps_run_info *self);

/* The last epoch in history is over. */
void cps_run_info_epoch(struct cps_run_info *self, const struct cps_history *history);

/* The models in the folder: model.safetensors is that of epoch. files is borrowed. */
void cps_run_info_models(struct cps_run_info *self, const struct cps_files *files, uint32_t epoch);

/* What saver (or NULL) has saved up to now. */
void cps_run_info_checkpoints(struct cps_run_info *self, const struct cps_saver *saver);

/* The run ended with status and, unless that is CPS_OK, the current error. */
void cps_run_info_end(struct cps_run_info *self, enum cps_status status,
                      const struct cps_recorder_seconds *seconds);

/* How many ratings all steps trained on; of an epoch that was cut, its share. */
uint64_t cps_run_info_ratings(const struct cps_run_info *self);

#endif
