/*
 * A run's checkpoints: what it was after a step, complete enough to go on from there. Format
 * and reasons: checkpoint.md.
 *
 *     RUN/checkpoints/step-0000001250/rows-0, rows-1, …   states of rows, a file a server had them from
 *                                     best                the model after the best epoch so far
 *                                     manifest            written last; without it there is no checkpoint
 *
 * A checkpoint is written by one thread, a call after the other; it may be another than that
 * which reads and lists them. Errors of writing are CPS_ERR_STORAGE and name the file.
 */
#ifndef CPS_STORE_CHECKPOINT_H
#define CPS_STORE_CHECKPOINT_H

#include "common/base/sha256.h"
#include "common/model/exact.h"
#include "common/model/plan.h"
#include "common/store/history.h"

#define CPS_CHECKPOINT_LOGS 3
#define CPS_CHECKPOINT_PATH_BYTES 4096

/* Whose checkpoint it is. */
struct cps_checkpoint_identity {
    uint64_t run_id;
    uint8_t fingerprint[CPS_SHA256_BYTES]; /* of the data */
    uint8_t plan[CPS_SHA256_BYTES];        /* cps_checkpoint_plan_digest */
};

/* A record that grows, and how long it was. */
struct cps_checkpoint_log {
    char file[256]; /* in the run's folder; "" for none */
    uint64_t bytes;
};

/* The run after a step, but for its rows. */
struct cps_checkpoint_state {
    struct cps_checkpoint_identity identity;
    uint64_t step;
    double average;                  /* of step losses, not debiased */
    cps_int128 epoch_loss;           /* squared errors of the epoch under way, as in common/model/exact.h, */
    uint64_t epoch_ratings;          /* and how many ratings they are of */
    uint32_t keys, words;            /* of the rows' states */
    double train_s;                  /* seconds of training up to there */
    bool has_best;                   /* it holds the model of the best of its epochs, */
    uint32_t best_epoch, best_words; /* and so many floats a row */
    const struct cps_epoch_record *epochs; /* [epoch_count] */
    size_t epoch_count;
    struct cps_checkpoint_log logs[CPS_CHECKPOINT_LOGS];
};

/* The digest of all in a plan that decides the curve: not of the job's shape, nor of cuts. */
enum cps_status cps_checkpoint_plan_digest(const struct cps_plan *plan, uint8_t out[CPS_SHA256_BYTES]);

/* ---- writing ---- */

struct cps_checkpoint_writer; /* opaque */

/* Makes the folder of step in that of a run, for rows of servers that hold every servers-th key, words words
 * each. One that is valid already is left alone: *exists, and there is nothing to write. */
enum cps_status cps_checkpoint_writer_create(const char *run_folder, const struct cps_checkpoint_state *state,
                                             uint32_t servers, bool *exists,
                                             struct cps_checkpoint_writer **out);

/* Adds the states of the next rows of a server. */
enum cps_status cps_checkpoint_writer_rows(struct cps_checkpoint_writer *self, uint32_t server,
                                           const void *states, size_t bytes);

/* Adds the model of the best epoch: rows of all keys, [keys][best_words]. */
enum cps_status cps_checkpoint_writer_best(struct cps_checkpoint_writer *self,
                                           const struct cps_checkpoint_state *state, const float *rows);

/* Whether the records that state names are at least that long, and brings them to the disk: what a run that
 * goes on is to find in them. *are_there false is no error, but too early. */
enum cps_status cps_checkpoint_sync_logs(const char *run_folder, const struct cps_checkpoint_state *state,
                                         bool *are_there);

/* Makes it valid: when this returns, it is on the disk. */
enum cps_status cps_checkpoint_writer_commit(struct cps_checkpoint_writer *self,
                                             const struct cps_checkpoint_state *state);

/* What was not committed is removed. NULL is allowed. */
void cps_checkpoint_writer_destroy(struct cps_checkpoint_writer **self);

/* ---- those that are there ---- */

/* Removes all but the last keep and that of best_step (0: none); a folder without a manifest as well. */
enum cps_status cps_checkpoints_prune(const char *run_folder, uint32_t keep, uint64_t best_step);

/* Removes those of later steps than step, which a run that goes on from there makes anew. */
enum cps_status cps_checkpoints_rewind(const char *run_folder, uint64_t step);

/* Removes all, as a run that begins anew does. */
enum cps_status cps_checkpoints_remove(const char *run_folder);

/* One that was read: every byte of it was checked. */
struct cps_checkpoint {
    struct cps_checkpoint_state state; /* its epochs are those of history */
    struct cps_history history;
    uint32_t *words;         /* of all parts, one behind the other */
    const uint32_t **row_of; /* [keys]: into words */
    float *best;             /* [keys][best_words], where state.has_best */
};

/* Reads the newest valid checkpoint of the run with identity, and warns of each newer one: what is wrong with
 * it. *found is false when there is none. Released by the caller in any case. */
enum cps_status cps_checkpoint_find(const char *run_folder, const struct cps_checkpoint_identity *identity,
                                    struct cps_checkpoint *out, bool *found);
void cps_checkpoint_release(struct cps_checkpoint *self);

/* Reads the one in folder. CPS_ERR_DATA with what is wrong. */
enum cps_status cps_checkpoint_read(const char *folder, struct cps_checkpoint *out);

/* The states of keys first_key, first_key + stride, …: out[count][words]. */
void cps_checkpoint_rows(const struct cps_checkpoint *self, uint32_t first_key, uint32_t stride, uint32_t count,
                         uint32_t *out);

#endif
