/*
 * run.json: the record of a run, for people who compare runs and for tools
 * that resume or list them. The coordinator fills a cps_run_record and writes it
 * atomically at the start ("running"), after each epoch and at the
 * end, so that a run killed at any moment leaves a correct record.
 *
 * Every pointer is borrowed and may be NULL, which becomes null in the file; so does
 * a number that is not finite.
 */
#ifndef CPS_STORE_RUN_RECORD_H
#define CPS_STORE_RUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/base/status.h"
#include "common/base/text.h"

struct cps_run_folder;

/* Written as "format"; incremented when older readers would misread the file. */
#define CPS_RUN_RECORD_FORMAT 1

struct cps_record_option {
    const char *name, *value; /* as it would be given on the command line */
    const char *source;       /* "default", "config file", "environment", "recorded run", "command line" */
    bool decides_curve;       /* another value may give another curve */
};

struct cps_record_version {
    const char *name, *version; /* {"ZeroMQ", "4.3.4"} */
};

struct cps_record_rank {
    const char *role; /* "coordinator", "server", "worker", "coordinator and server", or "all" */
    uint32_t index;   /* among the servers, or the workers */
    const char *host;
    int64_t process;       /* id on its host; 0 and below: not known yet, and so are the others */
    double busy_s, idle_s; /* in its loop: handling messages, waiting for them */
    uint64_t peak_memory_bytes;
};

struct cps_record_counter {
    const char *name; /* kind of message */
    uint64_t messages, bytes;
};

/* Traffic between hosts, and messages and connections from outside the run; summed over all ranks. */
struct cps_record_traffic {
    uint64_t between_hosts, between_hosts_bytes; /* messages; bytes before they are encrypted */
    uint64_t strange_messages;                   /* damaged, forged, or of another run: dropped */
    uint64_t strange_connections;                /* that showed no key of the run */
    uint64_t crowded_out;                        /* of these, half-open ones that were closed to make room */
};

/* A file that decides the curve, as it was when it was read. */
struct cps_record_input {
    const char *option; /* that named it: "init" */
    const char *path;   /* as it was opened */
    uint64_t bytes;
    const char *sha256; /* hex, as sha256sum prints it */
};

/* The program and the machine of a run: everything that is not an option. */
struct cps_record_origin {
    const char *const *arguments; /* the command line, the program's own name first */
    size_t argument_count;
    const char *folder;                   /* it was started in; relative paths are relative to it */
    const char *revision;                 /* of the source; "1a2b3c4d5e6f-dirty" when it was edited since */
    const char *compiler, *build_type;    /* "gcc 12.2.0", "Release" */
    const char *host, *system;            /* of the coordinator's rank; "Linux 6.1.0" */
    const char *architecture, *processor; /* "x86_64", "AMD EPYC …" */
    uint64_t cores, memory_bytes;         /* of that host, 0 where not known */
    const struct cps_record_version *versions; /* of the program and of what it stands on */
    size_t version_count;
    const struct cps_record_input *inputs;
    size_t input_count;
};

struct cps_record_timing {
    const char *name; /* "load", "train", "validate", "save", "total", … */
    double seconds;
};

/* Statistics of a run's checkpoints. */
struct cps_record_checkpoints {
    uint32_t saved, failed, skipped;
    uint64_t bytes, last_step; /* of the valid ones; the last of these */
    double seconds;            /* total time from the start of each until it was valid */
};

struct cps_run_record {
    uint64_t run_id;
    const char *state;         /* "running", "done", "stopped: …", "failed: …" */
    int exit_code;             /* written once ended is not 0 */
    time_t started, ended;     /* wall clock */
    const void *former_starts; /* those in the run_reader of a run that goes on; NULL: this is the first */
    uint64_t first_step;       /* that this start began with */

    struct cps_record_origin origin;
    const struct cps_record_option *options; /* effective ones, in the order of the option table */
    size_t option_count;

    /* What ran where, as settled for this run. */
    const char *transport, *isa, *consistency;
    uint32_t servers, workers;           /* nodes, however few ranks run them */
    const struct cps_record_rank *ranks; /* by MPI rank */
    size_t rank_count;
    const char *network; /* "10.1.0.0/16", that all hosts share; NULL: none was looked for */
    bool encrypted;      /* what leaves a rank over tcp */
    const struct cps_record_traffic *traffic; /* NULL: not known yet */

    struct {
        const char *description, *fingerprint; /* hex */
        const char *columns, *notes;           /* NULL where there are none; notes are lines */
        uint64_t ratings, train, valid;
        uint64_t sample_bytes;  /* memory the ratings take, over all workers */
        uint32_t users, movies; /* rows, '#na#' among them */
        double rating_min, rating_max;
    } data;

    struct {
        uint32_t batch_size;
        uint64_t steps_per_epoch;
        const char *optimizer;
        uint32_t epochs; /* planned */
        double lr_max, wd, wd_bias, wd_item_bias;
        bool keeps_biases; /* which were fitted before training, with these decays as their penalties */
    } training;

    /* Of common/data/baselines.h; not finite where not known. */
    struct {
        double mean, mean_loss, biases_loss, penalty;
    } baselines;

    uint64_t seed;

    struct {
        const char *kind; /* "dot", "bias" */
        uint32_t factors;
        bool has_range;
        double range_low, range_high;
        double offset;
        uint64_t parameters;
    } model;

    struct {
        uint32_t epochs, best_epoch; /* done; best_epoch is written when epochs > 0 */
        uint32_t patience;           /* of --early-stop, which ended the run before its last epoch; else 0 */
        uint32_t planned_epochs;
        uint64_t steps;
        bool diverged;
        uint64_t diverged_step;        /* the first whose loss is not finite, or whose update is not */
        double train_loss, valid_loss; /* of the last epoch */
        double best_valid_loss;
        uint32_t model_epoch;          /* of model.safetensors; written where model_sha256 is */
        const char *model_sha256;      /* of model.safetensors */
        const char *best_model_sha256; /* of model-best.safetensors, where the best epoch is another one */
        const char *curve_sha256;
    } result;

    struct cps_record_checkpoints checkpoints;
    const struct cps_record_counter *counters;
    size_t counter_count;
    const struct cps_record_timing *timings;
    size_t timing_count;
};

/* Appends the text of run.json to *out, complete or (CPS_ERR_MEMORY) not at all. Equal records give equal
 * bytes. */
enum cps_status cps_run_record_text(const struct cps_run_record *self, struct cps_text *out);

/* Replaces run.json in folder by text, which must be that of a running run, with state and exit code changed to
 * a failure with status. Does not allocate. CPS_ERR_STORAGE. */
enum cps_status cps_run_record_amend(const struct cps_text *text, enum cps_status status,
                                     const struct cps_run_folder *folder);

/* Replaces run.json in folder. CPS_ERR_STORAGE. */
enum cps_status cps_run_record_write(const struct cps_run_record *self, const struct cps_run_folder *folder);

#endif
