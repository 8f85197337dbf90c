/*
 * A run's folder, which holds all output of one training run.
 *
 *     run.json  history.csv  steps.csv  metrics.jsonl  model.safetensors
 *     model-best.safetensors  users.tsv  movies.tsv  tb/  checkpoints/
 *
 * Opening checks, early, that the folder can be used: it can be created and written to, and
 * holds neither foreign files nor, unless told to overwrite it, an earlier run. Only starting
 * deletes the earlier run's files, so that a run that fails on its data costs no results.
 * Every file in it is written by one rank, the coordinator's.
 */
#ifndef CPS_STORE_RUN_FOLDER_H
#define CPS_STORE_RUN_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "common/base/status.h"
#include "common/base/text.h"

#define CPS_RUN_FOLDER_BYTES 3840
#define CPS_RUN_FILE_BYTES 4096

struct cps_run_folder {
    char path[CPS_RUN_FOLDER_BYTES];
    int lock; /* held while the run lasts; -1 when not open */
    bool made_here, started;
};

/* Creates and locks the folder out, or runs/<local time>-<6 hex digits of run_id> when
 * out is NULL. CPS_ERR_USAGE when it holds a run and overwrite is false. CPS_ERR_STORAGE,
 * naming the path, when it cannot be created or written to, when the disk is full, when
 * another run is writing there, or when it holds files that are not a run's. */
enum cps_status cps_run_folder_open(struct cps_run_folder *self, const char *out, bool overwrite, time_t now,
                                    uint64_t run_id);

/* Removes the files of a former run (the contents of tb/ and checkpoints/ are left to
 * those who write them). Call it once training is about to begin. */
enum cps_status cps_run_folder_start(struct cps_run_folder *self);

/* Replaces the file name, waiting for the disk, or at once: see cps_file_replace(). CPS_ERR_STORAGE. */
enum cps_status cps_run_folder_put(const struct cps_run_folder *self, const char *name,
                                   const struct cps_text *text);
enum cps_status cps_run_folder_put_at_once(const struct cps_run_folder *self, const char *name,
                                           const struct cps_text *text);

/* Removes temporary files left by interrupted writes. */
enum cps_status cps_run_folder_sweep(const struct cps_run_folder *self);

/* Continues the run in the folder: keeps its files, and removes temporary ones. */
enum cps_status cps_run_folder_continue(struct cps_run_folder *self);

/* Unlocks. A folder made by open() and never started is removed again. */
void cps_run_folder_close(struct cps_run_folder *self);

/* The path of a file in the folder. */
void cps_run_folder_file(const struct cps_run_folder *self, const char *name, char out[CPS_RUN_FILE_BYTES]);

#endif
