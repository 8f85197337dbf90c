/*
 * Reads the inputs of a job before training (ratings, an initial model, a batch order) and makes the plan from
 * them.
 *
 *     ratings -> each rank reads a part -> the workers' shards, and an overview on every rank
 *             -> baselines -> plan, on the coordinator's rank
 *     --init, --batch-order -> read by each rank separately
 */
#ifndef CPS_DEPLOY_TRAINING_RATINGS_H
#define CPS_DEPLOY_TRAINING_RATINGS_H

#include "common/data/baselines.h"
#include "common/data/dataset.h"
#include "common/store/npy.h"
#include "deploy/training/env.h"
#include "deploy/training/signals.h"
#include "server/record/loading.h"
#include "server/shard/initial_file.h"
#include "worker/batches.h"

struct cps_ratings {
    struct cps_dataset *sets; /* [nodes]: of the workers on this rank; [0]: the overview, without samples */
    uint32_t nodes;
    struct cps_initial_file start; /* of --init */
    struct cps_npy npy;
    int32_t *order; /* of --batch-order */
    struct cps_batch_order batch_order;
    struct cps_baselines baselines;
    double *biases;       /* [keys]: fitted ones that a plan may keep, in ratings; NULL: none. On every rank */
    struct cps_plan plan; /* on the coordinator's rank */
    struct cps_loading loading;
    bool is_loading;
};

/* The data set without its samples, as every rank has it. */
static inline const struct cps_dataset *cps_ratings_overview(const struct cps_ratings *self)
{
    return &self->sets[0];
}

/* The initial model of --init, or NULL if the option is not given. */
static inline const struct cps_initial_file *cps_ratings_start(const struct cps_ratings *self,
                                                               const struct cps_training_env *env)
{
    return env->options->init ? &self->start : NULL;
}

/* The rows that servers start from where these are not only of the plan; NULL if there are none. *out borrows
 * self. */
const struct cps_initial_rows *cps_ratings_initial_rows(const struct cps_ratings *self,
                                                        const struct cps_training_env *env,
                                                        struct cps_initial_rows *out);

/* Opens the files that each rank reads separately. Needs release even when it failed. Not collective. */
enum cps_status cps_ratings_open(struct cps_ratings *self, const struct cps_training_env *env);

/* Begin and end showing on terminal that ratings are loaded; the end may be called without a beginning. */
void cps_ratings_begin_loading(struct cps_ratings *self, const struct cps_training_env *env,
                               const struct cps_terminal *terminal);
void cps_ratings_end_loading(struct cps_ratings *self);

/* Reads the ratings on all ranks together and sends each worker's shard to the rank of its node. Collective. */
enum cps_status cps_ratings_load(struct cps_ratings *self, struct cps_training_env *env,
                                 const struct cps_signals *signals);

/* Makes the plan and fits the baselines. Collective. */
enum cps_status cps_ratings_plan(struct cps_ratings *self, struct cps_training_env *env);

/* Fits, after training, the baselines that cps_ratings_plan() postponed. Collective. */
enum cps_status cps_ratings_fit_late(struct cps_ratings *self, const struct cps_training_env *env);

void cps_ratings_release(struct cps_ratings *self);

#endif
