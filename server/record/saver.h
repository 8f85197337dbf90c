/*
 * Writes a run's checkpoints: turns the coordinator's calls of its sink (coordinator/saves.h) into jobs of the
 * writer's thread (store/writer.h).
 *
 *     mark   notes the current lengths of the records and pins the best epoch's model
 *     begin  folder and parts          rows   appended to the part of their server
 *     end    best model, flushes the records, manifest, removes older checkpoints
 *
 * Rows are held in memory until they are written: at most CPS_SAVER_ROWS messages of them. When a checkpoint
 * fails, the user is warned once and the run continues; older checkpoints stay.
 */
#ifndef CPS_SERVER_RECORD_SAVER_H
#define CPS_SERVER_RECORD_SAVER_H

#include "common/store/checkpoint.h"
#include "common/store/history.h"
#include "common/store/writer.h"
#include "server/coordinator/saves.h"
#include "server/record/kept_models.h"

#define CPS_SAVER_ROWS 16

/* Access to the growing records (logs) of a run. */
struct cps_saver_logs {
    void *context;
    /* Writes the length of each log, including all that was added so far, to out[CPS_CHECKPOINT_LOGS], and the
     * seconds of training to *train_s. */
    void (*lengths)(void *context, struct cps_checkpoint_log *out, double *train_s);
    /* Passes everything added to the logs to the writer. */
    void (*flush)(void *context);
};

struct cps_saver_setup {
    struct cps_writer *writer; /* borrowed, like all other pointers here */
    const char *run_folder;
    const struct cps_plan *plan;
    struct cps_checkpoint_identity identity;
    const struct cps_history *history;
    struct cps_kept_models *kept; /* has the best epoch's model */
    struct cps_saver_logs logs;
    uint32_t keep; /* number of checkpoints to keep, besides that of the best epoch */
};

struct cps_saver; /* opaque */

enum cps_status cps_saver_create(const struct cps_saver_setup *setup, struct cps_saver **out);

/* Destroys the saver, once the writer is idle, and removes a partly written checkpoint. */
void cps_saver_destroy(struct cps_saver **self);

/* The sink that feeds self. */
struct cps_save_sink cps_saver_sink(struct cps_saver *self);

/* Cancels the checkpoint in progress, because the run is ending; the writer drops it at its next job. */
void cps_saver_cancel(struct cps_saver *self);

/* The number of checkpoints that became valid, failed or were skipped; the bytes of the valid ones, and the
 * seconds from each one's beginning until it was valid. */
struct cps_saver_account {
    uint32_t saved, failed, skipped;
    uint64_t bytes, last_step; /* the last valid one */
    double seconds;
};
const struct cps_saver_account *cps_saver_account(const struct cps_saver *self);

#endif
