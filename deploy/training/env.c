/* See env.h. */
#include "deploy/training/env.h"

#include "common/base/ram.h"
#include "common/cluster/host.h"

/* The ranks that share the cores of this host. Servers and coordinator of the block solver compute next to
 * nothing. */
static uint32_t ranks_here(const struct cps_training_env *self)
{
    const struct cps_cluster *cluster = self->cluster;
    uint32_t ranks = 0;
    if (self->options->solver == CPS_SOLVER_BLOCK)
        return cps_job_worker_ranks(&self->job, cluster->host_of, cluster->rank);
    for (uint32_t rank = 0; rank < cluster->ranks; rank++)
        ranks += cluster->host_of[rank] == cluster->host_of[cluster->rank];
    return ranks;
}

uint32_t cps_env_threads(const struct cps_training_env *self)
{
    if (self->options->threads)
        return self->options->threads;
    uint32_t cores = (uint32_t)cps_host_widen_affinity(), ranks = ranks_here(self);
    return cores > ranks ? cores / ranks : 1;
}

uint64_t cps_env_memory(const struct cps_training_env *self, uint64_t model_floats, uint64_t ratings)
{
    uint64_t bytes = cps_ram_bytes() / ranks_here(self) / 2;
    uint64_t taken = model_floats * sizeof(float) / ranks_here(self) + ratings / 8;
    if (self->options->memory)
        return (uint64_t)self->options->memory << 20;
    if (bytes == 0)
        return UINT64_MAX;
    return bytes > taken ? bytes - taken : 0;
}
