/*
 * A training job, as a sequence of steps for the commands train, replay, resume and lr-find, which may do work
 * of their own between the steps.
 *
 *     prepare   start    connects the ranks through the launcher
 *               open     sends the options of the first rank to all; opens the files they name
 *               load     reads the ratings
 *               plan     makes the plan
 *               connect  creates the roles and connects them
 *     run       run      trains and completes the record
 *     finish    close    releases what this rank holds
 *               end      disconnects the ranks; returns the exit code
 *
 * Each step except close is collective and returns the same status on all ranks (except run, see there). A
 * command does its own work between steps on the first rank and then calls cps_training_agree. After a step
 * that failed, only close and end may follow.
 */
#ifndef CPS_DEPLOY_TRAINING_TRAINING_H
#define CPS_DEPLOY_TRAINING_TRAINING_H

#include "common/data/dataset.h"
#include "common/options/options.h"
#include "common/store/inputs.h"
#include "server/record/setup.h"

struct cps_training; /* opaque */

/* How a command's training differs from that of 'train'; all zeroes for no difference. Used on the first rank.
 */
struct cps_training_terms {
    bool scratch;                        /* the run's folder is removed at the end: its path is not printed */
    bool no_saves;                       /* make no checkpoints */
    struct cps_epoch_limit *limit;       /* of the recorder; NULL: no limit; borrowed */
    const struct cps_observer *observer; /* observes the run in place of the recorder; NULL: the recorder */
    const struct cps_former_run *former; /* the run to resume, or NULL; borrowed */
};

/* Connects the ranks; rank 0 finds its data. options are borrowed, and on other ranks later replaced by those
 * of rank 0. *out is NULL when the ranks could not be connected. Collective. */
enum cps_status cps_training_start(struct cps_options *options, struct cps_training **out);

/* Whether this is the first rank. */
bool cps_training_leads(const struct cps_training *self);

/* Exchanges the status of all ranks; every rank returns that of the first rank that failed. Collective. */
enum cps_status cps_training_agree(struct cps_training *self, enum cps_status status);

enum cps_status cps_training_open(struct cps_training *self);
enum cps_status cps_training_load(struct cps_training *self);
enum cps_status cps_training_plan(struct cps_training *self);
enum cps_status cps_training_connect(struct cps_training *self, const struct cps_training_terms *terms);

/* Results of the steps on the first rank, available after open, load, plan and open, in this order. */
enum cps_status cps_training_inputs(struct cps_training *self, const struct cps_inputs **out);
const struct cps_dataset *cps_training_dataset(const struct cps_training *self);
struct cps_plan *cps_training_planned(struct cps_training *self); /* to be changed before connect */
const char *cps_training_folder(const struct cps_training *self);

/* Trains, and completes the record on the coordinator's rank. *agreed is how training ended, equal on all
 * ranks. The returned status is that of this rank and may differ, for example when its disk failed afterwards.
 */
enum cps_status cps_training_run(struct cps_training *self, enum cps_status *agreed);

/* Whether training that ended with status agreed has a result: it completed, diverged, or was ended by the
 * command or the user. */
static inline bool cps_training_has_ended(enum cps_status agreed)
{
    return agreed == CPS_OK || agreed == CPS_ERR_DIVERGED || agreed == CPS_ERR_INTERRUPTED;
}

/* Writes the record to its files so that they can be read. */
void cps_training_close_record(struct cps_training *self);

/* Reports an error, once for all ranks, and releases everything this rank holds except its connection to the
 * launcher. self may be NULL. Not collective. */
void cps_training_close(struct cps_training *self, enum cps_status status);

/* Disconnects from the other ranks and returns the exit code for status; does not return when a rank was lost.
 * self may be NULL. Collective. */
int cps_training_end(struct cps_training **self, enum cps_status status);

#endif
