/*
 * A run's checkpoints on their way to the disk: what the coordinator hands to its sink
 * (coordinator/saves.h) becomes jobs of the writer's thread (store/writer.h).
 *
 *     mark   how long the records are by now; pins the best epoch's model
 *     begin  folder and parts          rows   appended to the part of their server
 *     end    best model, flushes the records, manifest, removes older checkpoints
 *
 * Rows are held in memory until they are written: at most CPS_SAVER_ROWS messages of them. A
 * checkpoint that fails is warned of once, and the run goes on; the older ones stay.
 */
#ifndef CPS_SERVER_RECORD_SAVER_H
#define CPS_SERVER_RECORD_SAVER_H

#include "common/store/checkpoint.h"
#include "common/store/history.h"
#include "common/store/writer.h"
#include "server/coordinator/saves.h"
#include "server/record/kept_models.h"

#define CPS_SAVER_ROWS 16

/* The records of a run that grow, as far as a checkpoint has to know. */
struct cps_saver_logs {
    void *context;
    /* How long each is with all that was added up to now, out[CPS_CHECKPOINT_LOGS], and the seconds of
     * training. */
    void (*lengths)(void *context, struct cps_checkpoint_log *out, double *train_s);
    /* Sees that what was added is on its way to the files. */
    void (*flush)(void *context);
};

struct cps_saver_setup {
    struct cps_writer *writer; /* borrowed, as is all else */
    const char *run_folder;
    const struct cps_plan *plan;
    struct cps_checkpoint_identity identity;
    const struct cps_history *history;
    struct cps_kept_models *kept; /* where the best epoch's model is */
    struct cps_saver_logs logs;
    uint32_t keep; /* checkpoints, beside that of the best epoch */
};

struct cps_saver; /* opaque */

enum cps_status cps_saver_create(const struct cps_saver_setup *setup, struct cps_saver **out);

/* Once the writer is at rest: what is half written is removed. */
void cps_saver_destroy(struct cps_saver **self);

/* The sink that feeds self. */
struct cps_save_sink cps_saver_sink(struct cps_saver *self);

/* The run ends otherwise: what is under way is given up as soon as the writer gets to it. */
void cps_saver_cancel(struct cps_saver *self);

/* Checkpoints that became valid, their bytes, and the seconds from each one's beginning to that moment. */
struct cps_saver_account {
    uint32_t saved, failed, skipped;
    uint64_t bytes, last_step; /* the last valid one */
    double seconds;
};
const struct cps_saver_account *cps_saver_account(const struct cps_saver *self);

#endif
