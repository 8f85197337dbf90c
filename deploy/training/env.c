/* See env.h. */
#include "deploy/training/env.h"

#include "common/cluster/host.h"

uint32_t cps_env_threads(const struct cps_training_env *self)
{
    if (self->options->threads)
        return self->options->threads;
    const struct cps_cluster *cluster = self->cluster;
    uint32_t ranks = 0, cores = (uint32_t)cps_host_widen_affinity();
    for (uint32_t rank = 0; rank < cluster->ranks; rank++)
        ranks += cluster->host_of[rank] == cluster->host_of[cluster->rank];
    return cores > ranks ? cores / ranks : 1;
}
