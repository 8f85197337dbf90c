/* The environment of all parts of a training job: the user's options, the ranks, and the rank of each node. */
#ifndef CPS_DEPLOY_TRAINING_ENV_H
#define CPS_DEPLOY_TRAINING_ENV_H

#include "common/cluster/cluster.h"
#include "common/options/options.h"

struct cps_training_env {
    struct cps_options *options; /* borrowed; equal on all ranks once rank 0 has sent its own */
    struct cps_cluster *cluster;
    struct cps_job job;
};

/* Whether this is the first rank, which decides, records and prints for all ranks. */
static inline bool cps_env_leads(const struct cps_training_env *self)
{
    return self->cluster->rank == 0;
}

/* Whether node runs on this rank. */
static inline bool cps_env_has(const struct cps_training_env *self, uint32_t node)
{
    return self->job.node_rank[node] == self->cluster->rank;
}

/* The number of training threads on this rank: --threads, or the rank's share of its host's cores. */
uint32_t cps_env_threads(const struct cps_training_env *self);

/* Whether ranks so far outnumber the processors of this host that a rank should not spin (drive/rest.h). */
bool cps_env_is_crowded(const struct cps_training_env *self);

/* The memory in bytes for the ratings of a worker: --memory, or what is left of half the memory that this rank
 * may use once a model with this many floats, and whatever a rating takes before it is sorted, are subtracted.
 */
uint64_t cps_env_memory(const struct cps_training_env *self, uint64_t model_floats, uint64_t ratings);

static inline uint64_t cps_env_peer_timeout_ns(const struct cps_training_env *self)
{
    return (uint64_t)(self->options->peer_timeout * 1e9);
}

#endif
