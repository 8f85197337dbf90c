/* What every part of a training job stands on: the user's options, the ranks, and which nodes are whose. */
#ifndef CPS_DEPLOY_TRAINING_ENV_H
#define CPS_DEPLOY_TRAINING_ENV_H

#include "common/cluster/cluster.h"
#include "common/options/options.h"

struct cps_training_env {
    struct cps_options *options; /* borrowed; the same on all ranks once they are shared */
    struct cps_cluster *cluster;
    struct cps_job job;
};

/* Whether this is the first rank, which decides, records and speaks for all. */
static inline bool cps_env_leads(const struct cps_training_env *self)
{
    return self->cluster->rank == 0;
}

/* Whether node runs on this rank. */
static inline bool cps_env_has(const struct cps_training_env *self, uint32_t node)
{
    return self->job.node_rank[node] == self->cluster->rank;
}

/* Threads that train on this rank: --threads, or its share of the cores of its host. */
uint32_t cps_env_threads(const struct cps_training_env *self);

static inline uint64_t cps_env_peer_timeout_ns(const struct cps_training_env *self)
{
    return (uint64_t)(self->options->peer_timeout * 1e9);
}

#endif
