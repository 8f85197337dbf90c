/*
 * A training job as its commands drive it: train, and replay, resume and lr-find, which do
 * their own part between the steps.
 *
 *     prepare   start    the ranks meet
 *               open     options of the first rank -> all; the files behind them
 *               load     ratings
 *               plan     what is trained
 *               connect  roles, over transports
 *     run       run      until all are done; the record
 *     finish    close    what this rank holds
 *               end      the ranks part; the exit code
 *
 * Each step but close is collective, and all ranks leave it with one status (run aside, see there). What a
 * command does in between it does on the first rank, with cps_training_agree behind it. After a step that
 * failed only close and end may follow.
 */
#ifndef CPS_DEPLOY_TRAINING_TRAINING_H
#define CPS_DEPLOY_TRAINING_TRAINING_H

#include "common/data/dataset.h"
#include "common/options/options.h"
#include "common/store/inputs.h"
#include "deploy/training/limit.h"
#include "server/record/setup.h"

struct cps_training; /* opaque */

/* What a command wants otherwise than a plain training; all zeroes is that. Of the first rank. */
struct cps_training_terms {
    bool scratch;                        /* the run's folder is gone in the end: its path is not told */
    bool no_saves;                       /* makes no checkpoints */
    struct cps_limit *limit;             /* NULL: trains to the end; borrowed */
    const struct cps_observer *observer; /* sees the run in place of its record; NULL: the record does */
    const struct cps_former_run *former; /* that the run goes on with, or NULL; borrowed */
};

/* The ranks meet, and rank 0 finds its data. options are borrowed, and replaced on the other ranks. *out is
 * NULL when they did not meet. */
enum cps_status cps_training_start(struct cps_options *options, struct cps_training **out);

/* Whether this is the first rank. */
bool cps_training_leads(const struct cps_training *self);

/* Brings in everybody's status; all leave with that of the first rank that failed. */
enum cps_status cps_training_agree(struct cps_training *self, enum cps_status status);

enum cps_status cps_training_open(struct cps_training *self);
enum cps_status cps_training_load(struct cps_training *self);
enum cps_status cps_training_plan(struct cps_training *self);
enum cps_status cps_training_connect(struct cps_training *self, const struct cps_training_terms *terms);

/* What there is on the first rank: after open, load, plan, and open. */
const struct cps_inputs *cps_training_inputs(const struct cps_training *self);
const struct cps_dataset *cps_training_dataset(const struct cps_training *self);
struct cps_plan *cps_training_planned(struct cps_training *self); /* to be changed before connect */
const char *cps_training_folder(const struct cps_training *self);

/* Trains, and on the coordinator's rank completes the record. *agreed is how training ended, on all ranks
 * alike; the status is that of this rank, whose disk may have failed it since. */
enum cps_status cps_training_run(struct cps_training *self, enum cps_status *agreed);

/* Whether a run that all ranks saw end so ended by itself, or by the word of its command: it is there to be
 * judged. */
static inline bool cps_training_has_ended(enum cps_status agreed)
{
    return agreed == CPS_OK || agreed == CPS_ERR_DIVERGED || agreed == CPS_ERR_INTERRUPTED;
}

/* Brings the record to its files, so that they may be read. */
void cps_training_close_record(struct cps_training *self);

/* Reports an error, once for all ranks, and releases what this rank holds but its place among them. self may
 * be NULL. Not collective. */
void cps_training_close(struct cps_training *self, enum cps_status status);

/* Parts from the other ranks; returns the exit code for status, or does not return when a rank was lost. self
 * may be NULL. */
int cps_training_end(struct cps_training **self, enum cps_status status);

#endif
