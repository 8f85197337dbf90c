/*
 * Reads a run's folder: the model, the options and all recorded losses. An interrupted or running run is read
 * as far as it got: lines without a newline are dropped, and missing files count as empty.
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
    const char *fingerprint;              /* NULL if computed by an older method */
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

/* Reads the run folder at path. CPS_ERR_DATA if it is not a folder, has no run.json, or its contents are
 * malformed. The caller releases self only on success. */
enum cps_status cps_run_reader_open(struct cps_run_reader *self, const char *path);

/* Reads only run.json, and no losses. */
enum cps_status cps_run_reader_open_record(struct cps_run_reader *self, const char *path);

/* Parses run.json from size bytes of text; self must be all zeroes except for its path, and must be closed
 * also after an error. */
enum cps_status cps_run_reader_parse(struct cps_run_reader *self, const char *text, size_t size);

void cps_run_reader_close(struct cps_run_reader *self);

#endif
