/*
 * The console output of a run: a banner, fastai's table, a progress bar, a summary.
 *
 *     stderr  banner, progress
 *     stdout  the table and the summary, which users may redirect to a file
 *
 * On a terminal progress is one line redrawn in place, elsewhere a plain line every few seconds. The console
 * reads no clock: the caller passes the time. It uses no colours, and no control sequences except carriage
 * return and erase-line.
 */
#ifndef CPS_SERVER_RECORD_CONSOLE_H
#define CPS_SERVER_RECORD_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/choices.h"
#include "common/base/status.h"
#include "server/record/terminal.h"

struct cps_console_setup {
    FILE *out, *err;
    enum cps_progress progress;
    uint32_t epochs;
    uint64_t steps_per_epoch;
    uint64_t ratings_per_step;
    bool shows_rmse, shows_mae;   /* columns of the table, of the validation ratings */
    struct cps_terminal terminal; /* to draw a bar on; borrowed */
};

struct cps_console {
    struct cps_console_setup setup;
    bool draws;     /* the progress is a bar */
    bool bar_shown; /* the bar is on the screen now */
    uint64_t next_ns;
    uint64_t pace_ns, pace_steps; /* time of the first step, and the number of steps done by then */
    uint64_t rate_ns, rate_steps; /* when the rate was last taken, and at which step */
    double steps_per_s;           /* smoothed; 0 until known */
};

struct cps_console_host {
    const char *name;
    uint32_t ranks;
};

/* Texts may be NULL; the banner then omits them. */
struct cps_console_banner {
    const char *version;
    const char *data;    /* where the ratings came from */
    const char *columns; /* the columns of the file that were read */
    uint64_t ratings, train, valid;
    double bytes_per_rating; /* in memory; 0: not known */
    uint32_t users, movies;  /* without '#na#' */
    const char *model;       /* "dot", "bias" */
    uint32_t factors;
    bool has_range;
    double range_low, range_high;
    double offset; /* 0: none */
    uint64_t parameters;
    bool has_baselines;
    double mean_loss, biases_loss; /* valid_loss when predicting the mean, and mean and biases */
    const char *recipe;            /* optimizer, schedule, batch, … in words */
    uint32_t ranks, servers, workers;
    const struct cps_console_host *hosts;
    size_t host_count;
    const char *transport, *isa;
    uint32_t threads;    /* training threads per rank on the coordinator's host; 0: not known */
    const char *network; /* the one that several hosts use, or NULL */
    bool encrypted;
    const char *run_folder;
};

struct cps_console_epoch {
    uint32_t number; /* 0-based */
    double train_loss;
    bool has_valid;
    double valid_loss, valid_mae; /* where has_valid */
    double seconds;
};

struct cps_console_summary {
    bool has_epochs;                     /* false: best and last are unset */
    struct cps_console_epoch best, last; /* the model is that of the last epoch */
    uint32_t patience;                   /* of --early-stop if it ended the run, else 0 */
    uint32_t planned_epochs;
    bool has_baselines;
    double mean_loss, biases_loss;      /* as in the banner */
    const char *model_path, *best_path; /* NULL: no such file; likewise the hashes */
    const char *model_sha256, *curve_sha256;
    double seconds;
    uint64_t ratings; /* number trained on, for the rate */
};

/* Initializes a console at time now_ns. self may be copied and needs no release. */
void cps_console_init(struct cps_console *self, const struct cps_console_setup *setup, uint64_t now_ns);

void cps_console_banner(const struct cps_console *self, const struct cps_console_banner *banner);
void cps_console_table_header(struct cps_console *self);

/* Reports that step (1-based) of epoch (0-based) is done, with its smoothed loss. Cheap unless progress is due
 * to be drawn. */
void cps_console_step(struct cps_console *self, uint32_t epoch, uint64_t step, double loss, uint64_t now_ns);

/* Prints a row of the table; values that were not validated are printed as None, as fastai does. */
void cps_console_epoch(struct cps_console *self, const struct cps_console_epoch *epoch);

/* Erases the bar from the screen; call it before writing anything else there. */
void cps_console_clear(struct cps_console *self);

void cps_console_summary(struct cps_console *self, const struct cps_console_summary *summary);

/* Checks that all output to stdout was written; CPS_ERR_STORAGE if not (a full disk). */
enum cps_status cps_console_finish(struct cps_console *self);

#endif
