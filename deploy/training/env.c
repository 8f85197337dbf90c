/* See env.h. */
#include "deploy/training/env.h"

#include "common/base/ram.h"
#include "common/cluster/host.h"

enum { CROWD = 3 }; /* ranks a processor */

static uint32_t ranks_here(const struct cps_training_env *self)
{
    const struct cps_cluster *cluster = self->cluster;
    uint32_t ranks = 0;
    for (uint32_t rank = 0; rank < cluster->ranks; rank++)
        ranks += cluster->host_of[rank] == cluster->host_of[cluster->rank];
    return ranks;
}

/* The ranks that share the cores of this host. Servers and coordinator of the block solver compute next to
 * nothing. */
static uint32_t busy_ranks_here(const struct cps_training_env *self)
{
    const struct cps_cluster *cluster = self->cluster;
    return self->options->solver == CPS_SOLVER_BLOCK
               ? cps_job_worker_ranks(&self->job, cluster->host_of, cluster->rank)
               : ranks_here(self);
}

uint32_t cps_env_threads(const struct cps_training_env *self)
{
    if (self->options->threads)
        return self->options->threads;
    uint32_t cores = (uint32_t)cps_host_widen_affinity(), ranks = busy_ranks_here(self);
    return cores > ranks ? cores / ranks : 1;
}

bool cps_env_is_crowded(const struct cps_training_env *self)
{
    return ranks_here(self) >= CROWD * (uint32_t)cps_host_widen_affinity();
}

uint64_t cps_env_memory(const struct cps_training_env *self, uint64_t model_floats, uint64_t ratings)
{
    uint64_t bytes = cps_ram_bytes() / busy_ranks_here(self) / 2;
    uint64_t taken = model_floats * sizeof(float) / busy_ranks_here(self) + ratings / 8;
    if (self->options->memory)
        return (uint64_t)self->options->memory << 20;
    if (bytes == 0)
        return UINT64_MAX;
    return bytes > taken ? bytes - taken : 0;
}
