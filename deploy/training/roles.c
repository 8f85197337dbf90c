/* Creates the roles of a rank; see roles.h. */
#include "deploy/training/roles.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/model/block_kernels.h"
#include "server/coordinator/coordinator.h"
#include "server/shard/lender.h"
#include "server/shard/server.h"
#include "worker/block_worker.h"
#include "worker/worker.h"

/* The objects that roles are created with. */
struct parts {
    const struct cps_training_env *env;
    struct cps_ratings *ratings;
    const struct cps_kernels *kernels;
    const struct cps_roles_record *record;
};

static void former_rows(const void *context, uint32_t first_key, uint32_t stride, uint32_t count, uint32_t *out)
{
    cps_checkpoint_rows(((const struct cps_former_run *)context)->checkpoint, first_key, stride, count, out);
}

/* Makes the coordinator start at the former run's checkpoint and save checkpoints of this run. */
static enum cps_status set_up_restart(struct cps_roles *self, const struct cps_roles_record *record)
{
    const struct cps_checkpoint *checkpoint = record->former ? record->former->checkpoint : NULL;
    if (checkpoint) {
        const struct cps_checkpoint_state *state = &checkpoint->state;
        const struct cps_restart restart = {.mark = {.step = state->step,
                                                     .average = state->average,
                                                     .epoch_loss = state->epoch_loss,
                                                     .epoch_ratings = state->epoch_ratings,
                                                     .epochs = (uint32_t)state->epoch_count},
                                            .context = record->former,
                                            .rows = former_rows};
        CPS_TRY(cps_coordinator_restart(self->coordinator, &restart));
    }
    const struct cps_save_sink sink = cps_recorder_save_sink(record->recorder);
    return sink.begin ? cps_coordinator_save_to(self->coordinator, &sink) : CPS_OK;
}

static enum cps_status create_coordinator(struct cps_roles *self, const struct parts *parts)
{
    const struct cps_plan *plan = &parts->ratings->plan;
    struct cps_observer observer = cps_recorder_observer(parts->record->recorder);
    if (parts->record->observer)
        observer = *parts->record->observer;
    CPS_TRY(cps_coordinator_create(plan, cps_ratings_overview(parts->ratings)->fingerprint, &observer,
                                   cps_env_peer_timeout_ns(parts->env), &self->coordinator));
    cps_coordinator_name_nodes(self->coordinator, &self->route);
    CPS_TRY(set_up_restart(self, parts->record));
    self->roles[self->role_count++] = cps_coordinator_role(self->coordinator);
    return CPS_OK;
}

static enum cps_status create_server(struct cps_roles *self, const struct parts *parts, uint32_t node)
{
    const struct cps_initial_rows *start = cps_ratings_initial_rows(parts->ratings, parts->env, &self->start);
    if (parts->env->options->solver == CPS_SOLVER_BLOCK) {
        CPS_TRY(cps_lender_create(node - 1, self->nodes, start, &self->lenders[node]));
        self->roles[self->role_count++] = cps_lender_role(self->lenders[node]);
        return CPS_OK;
    }
    CPS_TRY(cps_server_create(node - 1, self->nodes, parts->kernels, start, self->team, &self->servers[node]));
    self->roles[self->role_count++] = cps_server_role(self->servers[node]);
    return CPS_OK;
}

/* The memory for the ratings of one of the workers on this rank. */
static uint64_t memory_of(const struct parts *parts, const struct cps_dataset *data)
{
    uint64_t rows = (uint64_t)data->users.rows + data->movies.rows;
    uint64_t floats = rows * cps_round_up(parts->env->options->factors + 2, CPS_LANES);
    return cps_env_memory(parts->env, floats, data->rating_count);
}

static enum cps_status create_worker(struct cps_roles *self, const struct parts *parts, uint32_t node)
{
    const struct cps_options *options = parts->env->options;
    const struct cps_dataset *data = &parts->ratings->sets[node];
    if (options->solver == CPS_SOLVER_BLOCK) {
        CPS_TRY(cps_block_worker_create(node, data, parts->kernels, cps_env_threads(parts->env),
                                        memory_of(parts, data), &self->block_workers[node]));
        self->roles[self->role_count++] = cps_block_worker_role(self->block_workers[node]);
        return CPS_OK;
    }
    const struct cps_batch_order *order = options->batch_order ? &parts->ratings->batch_order : NULL;
    CPS_TRY(cps_worker_create(node, data, parts->kernels, order, self->team, &self->workers[node]));
    self->roles[self->role_count++] = cps_worker_role(self->workers[node]);
    return CPS_OK;
}

static enum cps_status create_role(struct cps_roles *self, const struct parts *parts, uint32_t node)
{
    switch (cps_job_role(&parts->env->job, node)) {
    case CPS_ROLE_COORDINATOR:
        return create_coordinator(self, parts);
    case CPS_ROLE_SERVER:
        return create_server(self, parts, node);
    case CPS_ROLE_WORKER:
        break;
    }
    return create_worker(self, parts, node);
}

enum cps_status cps_roles_create(struct cps_roles *self, const struct cps_training_env *env,
                                 struct cps_ratings *ratings, const struct cps_kernels *kernels,
                                 const struct cps_roles_record *record)
{
    const struct parts parts = {.env = env, .ratings = ratings, .kernels = kernels, .record = record};
    uint32_t nodes = self->nodes = env->job.nodes;
    CPS_TRY(cps_alloc("servers", nodes, sizeof(struct cps_server *), &self->servers));
    CPS_TRY(cps_alloc("workers", nodes, sizeof(struct cps_worker *), &self->workers));
    CPS_TRY(cps_alloc("servers", nodes, sizeof(struct cps_lender *), &self->lenders));
    CPS_TRY(cps_alloc("workers", nodes, sizeof(struct cps_block_worker *), &self->block_workers));
    CPS_TRY(cps_alloc("roles", nodes, sizeof *self->roles, &self->roles));
    self->route = cps_job_route(&env->job, env->cluster->rank);
    self->route.hosts = env->cluster->hosts[0];
    self->route.host_bytes = sizeof env->cluster->hosts[0];
    if (env->options->solver == CPS_SOLVER_BATCH)
        CPS_TRY(cps_team_create(cps_env_threads(env), &self->team));
    for (uint32_t node = 0; node < nodes; node++)
        if (cps_env_has(env, node))
            CPS_TRY(create_role(self, &parts, node));
    return CPS_OK;
}

enum cps_status cps_roles_drive(struct cps_roles *self, const struct cps_training_env *env,
                                const struct cps_connection *connection, const struct cps_signals *signals)
{
    const struct cps_driver_options driver = {.route = self->route,
                                              .run_id = env->cluster->run_id,
                                              .pool = connection->pool,
                                              .control = connection->control,
                                              .bulk = connection->bulk,
                                              .peer_timeout_ns = cps_env_peer_timeout_ns(env),
                                              .crowded = cps_env_is_crowded(env),
                                              .interrupted = &signals->interrupted,
                                              .save_asked = &signals->save_asked,
                                              .torn_down = &signals->torn_down};
    return cps_driver_create(&driver, self->roles, self->role_count, &self->driver);
}

void cps_roles_release(struct cps_roles *self)
{
    cps_driver_destroy(&self->driver);
    cps_coordinator_destroy(&self->coordinator);
    for (uint32_t node = 0; node < self->nodes; node++) {
        if (self->servers)
            cps_server_destroy(&self->servers[node]);
        if (self->workers)
            cps_worker_destroy(&self->workers[node]);
        if (self->lenders)
            cps_lender_destroy(&self->lenders[node]);
        if (self->block_workers)
            cps_block_worker_destroy(&self->block_workers[node]);
    }
    free(self->servers);
    free(self->workers);
    free(self->lenders);
    free(self->block_workers);
    cps_team_destroy(&self->team);
    free(self->roles);
}
