/* Distributes nodes over ranks; see job.h for the rules. */
#include "common/cluster/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* Three servers to four workers: a server's exact sums and its optimizer cost somewhat
 * less than the workers' forward and backward passes. */
static uint32_t default_servers(uint32_t ranks)
{
    uint32_t rounded = (3 * (ranks - 1) * 2 + 7) / 14;
    return ranks < 3 || rounded == 0 ? 1 : rounded;
}

/* The number of nodes of one kind that fills the ranks left by `asked` nodes of the other kind and the
 * coordinator, which shares a rank if none is left for it. */
static uint32_t fill(uint32_t ranks, uint32_t asked)
{
    return ranks > asked + 1 ? ranks - asked - 1 : 1;
}

static enum cps_status refuse(uint32_t ranks, uint32_t servers, uint32_t workers)
{
    return cps_hint(cps_fail(CPS_ERR_USAGE, "%u server%s, %u worker%s and a coordinator do not fit on %u ranks",
                             servers, servers == 1 ? "" : "s", workers, workers == 1 ? "" : "s", ranks),
                    "start it with 'mpirun -n %u', or leave --servers or --workers out", 1 + servers + workers);
}

enum cps_status cps_job_init(struct cps_job *self, uint32_t ranks, uint32_t servers, uint32_t workers)
{
    memset(self, 0, sizeof *self);
    /* Also prevents overflow in the sums below. */
    const uint32_t most = 1u << 20;
    if (servers > most || workers > most)
        return cps_fail(CPS_ERR_USAGE, "%u servers and %u workers are more than %u", servers, workers, most);
    if (ranks > 1 && !servers)
        servers = workers ? fill(ranks, workers) : default_servers(ranks);
    if (ranks > 1 && !workers)
        workers = fill(ranks, servers);
    servers += !servers;
    workers += !workers;
    uint32_t nodes = 1 + servers + workers;
    if (ranks != 1 && ranks != nodes && ranks != nodes - 1)
        return refuse(ranks, servers, workers);
    CPS_TRY(cps_alloc("the layout", nodes, sizeof *self->node_rank, &self->node_rank));
    self->ranks = ranks;
    self->servers = servers;
    self->workers = workers;
    self->nodes = nodes;
    for (uint32_t node = 1; node < nodes && ranks > 1; node++)
        self->node_rank[node] = ranks == nodes ? node : node - 1;
    return CPS_OK;
}

void cps_job_release(struct cps_job *self)
{
    free(self->node_rank);
    memset(self, 0, sizeof *self);
}

struct cps_route cps_job_route(const struct cps_job *self, uint32_t rank)
{
    return (struct cps_route){.rank = rank,
                              .ranks = self->ranks,
                              .nodes = self->nodes,
                              .servers = self->servers,
                              .node_rank = self->node_rank};
}

uint32_t cps_job_worker_ranks(const struct cps_job *self, const uint32_t *host_of, uint32_t rank)
{
    uint32_t count = 0, last = UINT32_MAX; /* nodes of a rank are next to each other */
    for (uint32_t node = 1 + self->servers; node < self->nodes; node++) {
        if (self->node_rank[node] != last)
            count += host_of[self->node_rank[node]] == host_of[rank];
        last = self->node_rank[node];
    }
    return count ? count : 1;
}

enum cps_role_kind cps_job_role(const struct cps_job *self, uint32_t node)
{
    if (node == 0)
        return CPS_ROLE_COORDINATOR;
    return node <= self->servers ? CPS_ROLE_SERVER : CPS_ROLE_WORKER;
}

void cps_job_node_name(const struct cps_job *self, uint32_t node, char out[CPS_NODE_NAME_BYTES])
{
    switch (cps_job_role(self, node)) {
    case CPS_ROLE_COORDINATOR:
        snprintf(out, CPS_NODE_NAME_BYTES, "coordinator");
        break;
    case CPS_ROLE_SERVER:
        snprintf(out, CPS_NODE_NAME_BYTES, "server %u", node - 1);
        break;
    case CPS_ROLE_WORKER:
        snprintf(out, CPS_NODE_NAME_BYTES, "worker %u", node - 1 - self->servers);
        break;
    }
}
