/*
 * What the ranks of a job read before they train: ratings, a given start, an order of batches; and the
 * plan that follows from them.
 *
 *     ratings -> all ranks, each a part -> the workers' shards     and what every rank knows of them
 *             -> baselines -> plan, on the coordinator's rank
 *     --init, --batch-order -> each rank for itself
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
    struct cps_dataset *sets; /* [nodes]: of the workers here; [0]: all but samples */
    uint32_t nodes;
    struct cps_initial_file start; /* of --init */
    struct cps_npy npy;
    int32_t *order; /* of --batch-order */
    struct cps_batch_order batch_order;
    struct cps_baselines baselines;
    struct cps_plan plan; /* on the coordinator's rank */
    struct cps_loading loading;
    bool is_loading;
};

/* What every rank knows of the data. */
static inline const struct cps_dataset *cps_ratings_overview(const struct cps_ratings *self)
{
    return &self->sets[0];
}

/* --init, or NULL without. */
static inline const struct cps_initial_file *cps_ratings_start(const struct cps_ratings *self,
                                                               const struct cps_training_env *env)
{
    return env->options->init ? &self->start : NULL;
}

/* Opens what each rank has for itself. Needs release even when it failed. Not collective. */
enum cps_status cps_ratings_open(struct cps_ratings *self, const struct cps_training_env *env);

/* Shows on terminal from now on that something is going on, until end; harmless when it has not begun. */
void cps_ratings_begin_loading(struct cps_ratings *self, const struct cps_training_env *env,
                               const struct cps_terminal *terminal);
void cps_ratings_end_loading(struct cps_ratings *self);

/* Reads the ratings, all ranks together; each worker's go to its node. Collective. */
enum cps_status cps_ratings_load(struct cps_ratings *self, struct cps_training_env *env,
                                 const struct cps_signals *signals);

/* Makes the plan, and fits what the ratings alone predict. Collective. */
enum cps_status cps_ratings_plan(struct cps_ratings *self, struct cps_training_env *env);

/* Fits after training what cps_ratings_plan() put off. Collective. */
enum cps_status cps_ratings_fit_late(struct cps_ratings *self, const struct cps_training_env *env);

void cps_ratings_release(struct cps_ratings *self);

#endif
