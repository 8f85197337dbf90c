/*
 * A run's checkpoints: its complete state after a step, from which it can be resumed. checkpoint.md describes
 * the format and its reasons.
 *
 *     RUN/checkpoints/step-0000001250/rows-0, rows-1, …   states of rows, one file per server
 *                                     best                the model after the best epoch so far
 *                                     manifest            written last; without it there is no checkpoint
 *
 * A checkpoint is written by one thread at a time, which may differ from the thread that reads and lists
 * checkpoints. Errors of writing are CPS_ERR_STORAGE and name the file.
 */
#ifndef CPS_STORE_CHECKPOINT_H
#define CPS_STORE_CHECKPOINT_H

#include "common/base/sha256.h"
#include "common/model/exact.h"
#include "common/model/plan.h"
#include "common/store/history.h"

#define CPS_CHECKPOINT_LOGS 3
#define CPS_CHECKPOINT_PATH_BYTES 4096

/* Identifies the run that a checkpoint belongs to. */
struct cps_checkpoint_identity {
    uint64_t run_id;
    uint8_t fingerprint[CPS_SHA256_BYTES]; /* of the data */
    uint8_t plan[CPS_SHA256_BYTES];        /* cps_checkpoint_plan_digest */
};

/* An append-only record and its length at the checkpoint. */
struct cps_checkpoint_log {
    char file[256]; /* in the run's folder; "" for none */
    uint64_t bytes;
};

/* The state of a run after a step, except its rows. */
struct cps_checkpoint_state {
    struct cps_checkpoint_identity identity;
    uint64_t step;
    double average;                  /* of step losses, not debiased */
    cps_int128 epoch_loss;           /* squared errors of the current epoch, as in common/model/exact.h, */
    uint64_t epoch_ratings;          /* and the number of ratings they cover */
    uint32_t keys, words;            /* of the rows' states */
    double train_s;                  /* seconds of training up to there */
    bool has_best;                   /* it holds the model of the best of its epochs, */
    uint32_t best_epoch, best_words; /* and so many floats a row */
    const struct cps_epoch_record *epochs; /* [epoch_count] */
    size_t epoch_count;
    struct cps_checkpoint_log logs[CPS_CHECKPOINT_LOGS];
};

/* The digest of the fields of a plan that decide the curve, so not of the job's shape or of interruptions. */
enum cps_status cps_checkpoint_plan_digest(const struct cps_plan *plan, uint8_t out[CPS_SHA256_BYTES]);

/* ---- writing ---- */

struct cps_checkpoint_writer; /* opaque */

/* Makes the folder for state->step in a run's folder, for rows of `servers` servers, each of which holds every
 * servers-th key. If a valid checkpoint exists already, sets *exists; nothing is to be written then. */
enum cps_status cps_checkpoint_writer_create(const char *run_folder, const struct cps_checkpoint_state *state,
                                             uint32_t servers, bool *exists,
                                             struct cps_checkpoint_writer **out);

/* Adds the states of the next rows of a server. */
enum cps_status cps_checkpoint_writer_rows(struct cps_checkpoint_writer *self, uint32_t server,
                                           const void *states, size_t bytes);

/* Adds the model of the best epoch: rows of all keys, [keys][best_words]. */
enum cps_status cps_checkpoint_writer_best(struct cps_checkpoint_writer *self,
                                           const struct cps_checkpoint_state *state, const float *rows);

/* Syncs the records named in state to disk, for a resumed run to find. *are_there is false, without error, if
 * one of them is still shorter than state says; try again later. */
enum cps_status cps_checkpoint_sync_logs(const char *run_folder, const struct cps_checkpoint_state *state,
                                         bool *are_there);

/* Writes the manifest, which makes the checkpoint valid; it is on disk when this returns. */
enum cps_status cps_checkpoint_writer_commit(struct cps_checkpoint_writer *self,
                                             const struct cps_checkpoint_state *state);

/* Destroys the writer and removes a checkpoint that was not committed. NULL is allowed. */
void cps_checkpoint_writer_destroy(struct cps_checkpoint_writer **self);

/* ---- existing checkpoints ---- */

/* Removes all but the last keep and that of best_step (0: none); a folder without a manifest as well. */
enum cps_status cps_checkpoints_prune(const char *run_folder, uint32_t keep, uint64_t best_step);

/* Removes the checkpoints after step, which the resumed run will write again. */
enum cps_status cps_checkpoints_rewind(const char *run_folder, uint64_t step);

/* Removes all checkpoints, for a run that starts from the beginning. */
enum cps_status cps_checkpoints_remove(const char *run_folder);

/* A checkpoint that was read and verified completely. */
struct cps_checkpoint {
    struct cps_checkpoint_state state; /* its epochs are those of history */
    struct cps_history history;
    uint32_t *words;         /* of all parts, concatenated */
    const uint32_t **row_of; /* [keys]: into words */
    float *best;             /* [keys][best_words], where state.has_best */
};

/* Reads the newest valid checkpoint of the run with identity, and logs a warning with the defect of each newer
 * one. *found is false if there is none. The caller releases *out also after an error. */
enum cps_status cps_checkpoint_find(const char *run_folder, const struct cps_checkpoint_identity *identity,
                                    struct cps_checkpoint *out, bool *found);
void cps_checkpoint_release(struct cps_checkpoint *self);

/* Reads the checkpoint in folder. CPS_ERR_DATA describes a defect. */
enum cps_status cps_checkpoint_read(const char *folder, struct cps_checkpoint *out);

/* The states of keys first_key, first_key + stride, …: out[count][words]. */
void cps_checkpoint_rows(const struct cps_checkpoint *self, uint32_t first_key, uint32_t stride, uint32_t count,
                         uint32_t *out);

#endif
