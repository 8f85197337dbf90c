/*
 * The files of a run, written by the coordinator's rank in the background by the writer's thread
 * (store/writer.h).
 *
 *     start     run.json ("running"), users.tsv, movies.tsv, disk space for the model, the logs; in a resumed
 * run the logs are cut to their length at its checkpoint progress  history.csv, steps.csv and run.json as of
 * now; skipped while the disk is behind rows      a part of the model complete  model.safetensors under its
 * final name, and model-best.safetensors if an earlier epoch was best end       history.csv, the logs closed,
 * run.json with its end
 *
 * start, rows, complete and end return at once and work in the background: their arguments must stay unchanged
 * until cps_files_poll() reports that they are done. poll also returns their errors.
 */
#ifndef CPS_SERVER_RECORD_FILES_H
#define CPS_SERVER_RECORD_FILES_H

#include "common/base/sha256.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"
#include "common/store/history.h"
#include "common/store/run_folder.h"
#include "common/store/run_record.h"
#include "common/store/step_log.h"
#include "common/store/writer.h"
#include "server/record/events.h"
#include "server/record/kept_models.h"
#include "server/record/model_file.h"

struct cps_files_setup {
    struct cps_writer *writer;
    const struct cps_plan *plan;
    const struct cps_dataset *dataset;
    struct cps_run_folder *folder;
    const struct cps_history *history; /* of the run; history and record are read only during the calls below */
    const struct cps_run_record *record;
    const struct cps_tensorboard_option *options; /* those that the loss curve depends on */
    size_t option_count;
    bool log_steps;
    const struct cps_checkpoint_state *resumed; /* NULL: the run begins */
};

struct cps_files {
    struct cps_files_setup setup;
    struct cps_step_log steps;
    struct cps_events events;
    struct cps_safetensors_writer *model; /* its disk space is allocated at the start */
    char model_path[CPS_RUN_FILE_BYTES], model_hash[CPS_SHA256_HEX_BYTES];
    struct cps_kept_models kept;
    uint32_t last_epoch;
    bool has_best; /* model-best.safetensors exists, since the best epoch is not the last */
    char best_path[CPS_RUN_FILE_BYTES], best_hash[CPS_SHA256_HEX_BYTES];
    struct cps_text history_text, record_text; /* as last formatted: being written, or written */
    struct cps_model_rows rows;
    bool busy, progressing; /* a call, or a progress, is still being written */
    uint64_t busy_ns;       /* since when busy is set */
    bool slow;              /* the user was told that this call takes long */
    bool went_well;         /* the run succeeded; for its end */
};

/* Everything in setup is borrowed. Needs release even when nothing was started. */
void cps_files_init(struct cps_files *self, const struct cps_files_setup *setup);

/* Releases self, once the writer is idle, and removes an incomplete model. */
void cps_files_release(struct cps_files *self);

enum cps_status cps_files_start(struct cps_files *self);
enum cps_status cps_files_progress(struct cps_files *self);
enum cps_status cps_files_rows(struct cps_files *self, const struct cps_model_rows *rows);

/* last_epoch is the epoch whose model was passed to cps_files_rows. */
enum cps_status cps_files_complete(struct cps_files *self, uint32_t last_epoch);
enum cps_status cps_files_end(struct cps_files *self);

/* Returns the writer's errors; *busy is set while the last call is in progress. Waits for it at most
 * patience_ns. CPS_ERR_STORAGE also if the disk accepts nothing for many minutes. */
enum cps_status cps_files_poll(struct cps_files *self, uint64_t patience_ns, bool *busy);

/* Records a failed run within about a second: writes the current history.csv and run.json without syncing them
 * to disk, then the logs, and removes partial files. If memory is short, the last run.json is amended. Ignores
 * errors; false if the disk has not accepted everything. */
bool cps_files_fail(struct cps_files *self);

/* After cps_files_fail: writes kept.last, which must not be NULL, as model.safetensors, and kept.best beside it
 * if that is a different model, on the calling thread and without syncing to disk. */
enum cps_status cps_files_keep_model(struct cps_files *self);

/* After cps_files_keep_model: rewrites run.json. */
enum cps_status cps_files_amend(struct cps_files *self);

/* Writes the lengths of the logs, including all that was added so far, to out, for a checkpoint's manifest. */
void cps_files_logs(const struct cps_files *self, struct cps_checkpoint_log out[CPS_CHECKPOINT_LOGS]);

/* Passes everything added to the logs to the writer. */
void cps_files_flush(struct cps_files *self);

#endif
