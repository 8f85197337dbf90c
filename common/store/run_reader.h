/*
 * A run's folder, read back: what was trained, with which options, and every loss that was
 * recorded. Of a run that was cut, or is still under way, it is what is there: lines without
 * their newline are dropped, and files that were not written yet count as empty.
 *
 *   run.json               -> options, input files, fingerprint, hashes, how it ended
 *   history.csv            -> losses of epochs
 *   steps.csv, or else
 *   metrics.jsonl          -> losses of steps
 */
#ifndef CPS_STORE_RUN_READER_H
#define CPS_STORE_RUN_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/store/history.h"
#include "common/store/run_record.h"

#define CPS_RUN_READER_PATH_BYTES 4096

struct cps_run_option {
    const char *name, *value; /* value NULL where it had none */
    bool given;               /* its source was not the default */
};

/* Strings belong to it and end with it; they are NULL where run.json has null or nothing. */
struct cps_run_reader {
    char path[CPS_RUN_READER_PATH_BYTES]; /* of run.json */
    const char *state;                    /* "running", "done", "failed: …" */
    const char *version;                  /* of collab-ps */
    const char *folder;                   /* that relative paths among the options are relative to */
    const char *fingerprint;              /* NULL if it was taken in another way than those of today */
    const char *model_sha256, *curve_sha256;
    bool diverged;
    uint64_t diverged_step; /* where diverged */
    uint64_t run_id;
    const void *starts; /* json, for run_record.h; NULL: it has none */
    struct cps_run_option *options;
    size_t option_count;
    bool names_inputs; /* the first runs did not */
    struct cps_record_input *inputs;
    size_t input_count;
    struct cps_history history; /* losses and steps; no times */
    double *losses;             /* [loss_count]: of steps 0, 1, 2, …; nine digits */
    size_t loss_count, loss_capacity;
    void *tree; /* run.json, which the strings lie in */
};

/* Reads the run folder at path. CPS_ERR_DATA when it is no folder, has no run.json, or holds
 * something that no run of this version writes. Released by the caller on success only. */
enum cps_status cps_run_reader_open(struct cps_run_reader *self, const char *path);

/* The same for run.json alone. */
enum cps_status cps_run_reader_open_record(struct cps_run_reader *self, const char *path);

/* Its part about run.json, from size bytes of text; self is all zeroes but for its path, and
 * to be closed whatever comes of it. */
enum cps_status cps_run_reader_parse(struct cps_run_reader *self, const char *text, size_t size);

void cps_run_reader_close(struct cps_run_reader *self);

#endif
