/* Distributes the ratings to the ranks and makes the plan; see ratings.h. */
#include "deploy/training/ratings.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/exchange.h"
#include "common/data/load.h"
#include "common/model/blocks.h"
#include "common/model/initial.h"
#include "deploy/training/connection.h"
#include "deploy/training/settings.h"

/* What the reader's callbacks need. */
struct load {
    struct cps_ratings *ratings;
    const struct cps_training_env *env;
    const struct cps_signals *signals;
};

static enum cps_status load_order(struct cps_ratings *self, const char *path)
{
    CPS_TRY(cps_npy_open(&self->npy, path));
    CPS_TRY(cps_npy_check_below(&self->npy, path, INT32_MAX));
    CPS_TRY(
        cps_alloc("the batch order", self->npy.rows * self->npy.columns, sizeof *self->order, &self->order));
    for (uint64_t step = 0; step < self->npy.rows; step++)
        for (uint64_t i = 0; i < self->npy.columns; i++)
            self->order[step * self->npy.columns + i] = (int32_t)cps_npy_at(&self->npy, step, i);
    self->batch_order =
        (struct cps_batch_order){.rows = self->order, .steps = self->npy.rows, .batch_size = self->npy.columns};
    return CPS_OK;
}

enum cps_status cps_ratings_open(struct cps_ratings *self, const struct cps_training_env *env)
{
    const struct cps_options *options = env->options;
    self->nodes = env->job.nodes;
    if (options->init)
        CPS_TRY(cps_initial_file_open(&self->start, options->init));
    if (options->batch_order)
        CPS_TRY(load_order(self, options->batch_order));
    return cps_alloc("datasets", self->nodes, sizeof *self->sets, &self->sets);
}

void cps_ratings_begin_loading(struct cps_ratings *self, const struct cps_training_env *env,
                               const struct cps_terminal *terminal)
{
    self->is_loading = cps_env_leads(env);
    if (self->is_loading)
        cps_loading_begin(&self->loading, terminal, stderr, env->options->progress, cps_clock_ns());
}

void cps_ratings_end_loading(struct cps_ratings *self)
{
    if (self->is_loading)
        cps_loading_end(&self->loading);
    self->is_loading = false;
}

static enum cps_status on_reading(void *context, uint64_t ratings)
{
    struct load *self = context;
    if (self->ratings->is_loading)
        cps_loading_step(&self->ratings->loading, ratings, cps_clock_ns());
    return self->signals->interrupted ? cps_fail(CPS_ERR_INTERRUPTED, "interrupted") : CPS_OK;
}

/* For the block solver: chooses the worker of each user's ratings. */
static enum cps_status deal_by_block(void *context, const struct cps_dataset *set, uint32_t *shard_of_row)
{
    const struct load *load = context;
    const struct cps_training_env *env = load->env;
    struct cps_plan plan;
    struct cps_blocks blocks;
    CPS_TRY(cps_settings_plan(env->options, set, &env->job, cps_ratings_start(load->ratings, env), &plan));
    cps_blocks_init(&blocks, &plan);
    for (uint32_t row = 0; row < set->users.rows; row++)
        shard_of_row[row] = cps_blocks_worker_of(&blocks, row);
    return CPS_OK;
}

enum cps_status cps_ratings_load(struct cps_ratings *self, struct cps_training_env *env,
                                 const struct cps_signals *signals)
{
    struct load load = {.ratings = self, .env = env, .signals = signals};
    uint32_t first_worker = 1 + env->job.servers;
    env->cluster->veils = !env->cluster->one_host && cps_connection_encrypts(env);
    struct cps_peers peers = cps_cluster_peers(env->cluster);
    const struct cps_sharing sharing = {.peers = env->cluster->ranks > 1 ? &peers : NULL,
                                        .shards = env->job.workers,
                                        .shard_rank = env->job.node_rank + first_worker,
                                        .context = &load,
                                        .deal =
                                            env->options->solver == CPS_SOLVER_BLOCK ? deal_by_block : NULL};
    struct cps_dataset_request request = cps_settings_dataset(env->options, cps_ratings_start(self, env));
    request.reading = (struct cps_reading){&load, on_reading};
    /* Ranks on other hosts would have to read more of the file than their part. */
    request.keep_stored = env->options->solver == CPS_SOLVER_BLOCK && env->cluster->one_host;
    CPS_TRY(cps_dataset_load_shared(&request, &sharing, &self->sets[0], &self->sets[first_worker]));
    if (cps_env_leads(env))
        cps_log_lines(CPS_LOG_INFO, "note: ", cps_ratings_overview(self)->notes.data);
    return CPS_OK;
}

/* Matches the rows of the model of --init with those of the data, on the coordinator's rank. */
static enum cps_status match_start(struct cps_ratings *self, const struct cps_training_env *env)
{
    struct cps_initial_file *start = &self->start;
    const struct cps_dataset *data = cps_ratings_overview(self);
    if (!env->options->init)
        return CPS_OK;
    if (!cps_initial_file_has_names(start)) {
        cps_log(CPS_LOG_INFO, "note: no users.tsv and movies.tsv beside '%s': its rows are taken by number",
                start->files.model);
        return CPS_OK;
    }
    CPS_TRY(cps_initial_file_match(start, data));
    cps_log(CPS_LOG_INFO, "note: '%s' has rows for %u of %u users and %u of %u items; the others are new",
            env->options->init, data->users.rows - 1 - start->new_users, data->users.rows - 1,
            data->movies.rows - 1 - start->new_movies, data->movies.rows - 1);
    return CPS_OK;
}

/* Sends the mapping of rows from the first rank to the servers, which read no ratings. */
static enum cps_status share_start(struct cps_ratings *self, struct cps_training_env *env)
{
    bool needed = env->options->init && cps_initial_file_has_names(&self->start);
    if (!needed || env->cluster->ranks == 1)
        return CPS_OK;
    return cps_cluster_broadcast(env->cluster, &self->start.row_of);
}

static enum cps_status make_plan(struct cps_ratings *self, const struct cps_training_env *env)
{
    if (!cps_env_has(env, 0))
        return CPS_OK;
    CPS_TRY(match_start(self, env));
    return cps_settings_plan(env->options, cps_ratings_overview(self), &env->job, cps_ratings_start(self, env),
                             &self->plan);
}

static enum cps_status add_over_ranks(void *context, uint64_t *values, size_t count)
{
    return cps_cluster_sum(context, values, count);
}

/* Fits the baselines on the ratings of all ranks, or only computes their mean. Collective. */
static enum cps_status fit_baselines(struct cps_ratings *self, const struct cps_training_env *env,
                                     bool mean_alone)
{
    const struct cps_dataset **shards;
    const struct cps_rank_sums sums = {env->cluster, add_over_ranks};
    size_t count = 0;
    enum cps_status status = cps_alloc("shards", env->job.nodes, sizeof *shards, &shards);
    CPS_TRY(cps_cluster_agree(env->cluster, status));
    for (uint32_t node = 1 + env->job.servers; node < env->job.nodes; node++)
        if (cps_env_has(env, node))
            shards[count++] = &self->sets[node];
    struct cps_penalty_search wanted;
    const struct cps_penalty_search *search = cps_settings_search(env->options, &self->plan, &wanted);
    const struct cps_dataset *overview = cps_env_has(env, 0) ? cps_ratings_overview(self) : NULL;
    if (mean_alone)
        status = cps_baselines_mean(shards, count, overview, &sums, &self->baselines);
    else
        status = cps_baselines_fit(shards, count, overview, &sums, search, &self->baselines, &self->biases);
    free(shards);
    return status;
}

/* Whether the biases are fitted after training. The block solver trains on millions of ratings in seconds, of
 * which the fit would take a large part; but the plan may depend on it. All ranks decide alike once they have
 * the mean. */
static bool fits_later(const struct cps_ratings *self, const struct cps_training_env *env)
{
    static const uint64_t many = 2000000;
    return env->options->solver == CPS_SOLVER_BLOCK && env->options->optimizer != CPS_OPTIMIZER_AUTO &&
           self->baselines.train_count > many;
}

/* Fits the baselines, and sets what depends on them in the plan. */
static enum cps_status find_baselines(struct cps_ratings *self, const struct cps_training_env *env)
{
    enum cps_status status = fit_baselines(self, env, true);
    if (status == CPS_OK && !fits_later(self, env))
        status = fit_baselines(self, env, false);
    if (status == CPS_OK && cps_env_has(env, 0))
        status = cps_settings_complete(env->options, &self->baselines, &self->plan);
    return cps_cluster_agree(env->cluster, status);
}

enum cps_status cps_ratings_fit_late(struct cps_ratings *self, const struct cps_training_env *env)
{
    if (!fits_later(self, env))
        return CPS_OK;
    return cps_cluster_agree(env->cluster, fit_baselines(self, env, false));
}

static enum cps_status any_plan(const void *ratings, const struct cps_plan *plan)
{
    (void)ratings, (void)plan;
    return CPS_OK;
}

/* The plan's row, with the fitted bias if biases are kept. */
static void biased_row(const void *context, const struct cps_plan *plan, uint32_t key, float *row)
{
    const struct cps_ratings *self = context;
    double slope = cps_slope_at_mean(plan->has_range, plan->range_low, plan->range_high, self->baselines.mean);
    cps_initial_row(plan, key, row);
    if (plan->keeps_biases)
        row[plan->factors] = (float)(self->biases[key] / slope);
}

const struct cps_initial_rows *cps_ratings_initial_rows(const struct cps_ratings *self,
                                                        const struct cps_training_env *env,
                                                        struct cps_initial_rows *out)
{
    *out = (struct cps_initial_rows){self, any_plan, biased_row};
    if (env->options->init)
        *out = cps_initial_file_rows(&self->start);
    return env->options->init || self->biases ? out : NULL;
}

enum cps_status cps_ratings_plan(struct cps_ratings *self, struct cps_training_env *env)
{
    CPS_TRY(cps_cluster_agree(env->cluster, make_plan(self, env)));
    CPS_TRY(find_baselines(self, env));
    return share_start(self, env);
}

void cps_ratings_release(struct cps_ratings *self)
{
    for (uint32_t node = 0; self->sets && node < self->nodes; node++)
        cps_dataset_release(&self->sets[node]);
    cps_initial_file_close(&self->start);
    cps_npy_release(&self->npy);
    free(self->biases);
    free(self->order);
    free(self->sets);
}
