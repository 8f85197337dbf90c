/*
 * history.csv: the loss curve, one line per epoch, rewritten atomically after each so that a
 * run killed at any moment leaves the last complete file.
 *
 *     epoch,train_loss,valid_loss,time_s,steps,ratings_per_s,compute_s,wait_s,optimizer_s,validation_s,save_s,
 *     valid_rmse,valid_mae
 *
 * The losses are mean squared errors; valid_rmse is the root of valid_loss, and valid_mae the mean
 * absolute error over the same ratings. Losses have nine digits, which identify any float. The first
 * three columns are the reproducible curve; its hash is the output of `cut -d, -f1-3 history.csv |
 * sha256sum`.
 */
#ifndef CPS_STORE_HISTORY_H
#define CPS_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/text.h"

struct cps_run_folder;

/*
 * The breakdown of an epoch's time in seconds, zero if not measured. Ranks work
 * in parallel: the parts of one process add up to nearly time_s, those of several may
 * exceed it.
 */
struct cps_epoch_times {
    double compute;    /* training steps of a worker, without its waits; mean over the workers */
    double wait;       /* a worker waiting for rows, of steps and of the validation; likewise */
    double optimizer;  /* a server at work on gradients, rows and their state; mean over the servers */
    double validation; /* errors of the validation ratings; mean over the workers */
    double save;       /* writing records of the run, since the line before */
};

struct cps_epoch_record {
    uint32_t epoch;    /* 0-based */
    double train_loss; /* smoothed, as printed */
    double valid_loss; /* where has_valid; an empty field otherwise */
    bool has_valid;
    double time_s;  /* training and validation */
    uint64_t steps; /* done since the start of the run */
    double ratings_per_s;
    struct cps_epoch_times spent;
    double valid_mae; /* where has_valid: the mean absolute error */
};

/* All zeroes is a valid empty history. */
struct cps_history {
    struct cps_epoch_record *epochs;
    size_t count, capacity;
};

void cps_history_release(struct cps_history *self);
enum cps_status cps_history_add(struct cps_history *self, const struct cps_epoch_record *epoch);

/* The epoch with the lowest valid_loss, the first of equals; with the lowest train_loss
 * if nothing was validated; NULL if there is no epoch. */
const struct cps_epoch_record *cps_history_best(const struct cps_history *self);

/* Epochs since the best one, none of which had a lower valid_loss; 0 where nothing was validated. */
uint32_t cps_history_idle_epochs(const struct cps_history *self);

/* Adds the text of history.csv to *out. */
enum cps_status cps_history_text(const struct cps_history *self, struct cps_text *out);

/* Replaces history.csv in folder. CPS_ERR_STORAGE. */
enum cps_status cps_history_write(const struct cps_history *self, const struct cps_run_folder *folder);

/* The SHA-256 of the loss curve: the header and lines of the first three columns. */
enum cps_status cps_history_hash(const struct cps_history *self, char hex[CPS_SHA256_HEX_BYTES]);

#endif
