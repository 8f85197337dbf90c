/* The check of a received message's addresses; see route.h. */
#include "common/net/route.h"

#include <stdio.h>

unsigned cps_route_role(const struct cps_route *self, uint32_t node)
{
    if (node == 0)
        return CPS_COORDINATOR;
    return node <= self->servers ? CPS_SERVERS : CPS_WORKERS;
}

void cps_route_name(const struct cps_route *self, uint32_t node, char out[CPS_ROUTE_NAME_BYTES])
{
    unsigned role = cps_route_role(self, node);
    uint32_t rank = self->node_rank[node], number = role == CPS_SERVERS ? node - 1 : node - 1 - self->servers;
    char name[32] = "the coordinator";
    if (role != CPS_COORDINATOR)
        snprintf(name, sizeof name, "%s %u", role == CPS_SERVERS ? "server" : "worker", number);
    if (self->hosts)
        snprintf(out, CPS_ROUTE_NAME_BYTES, "%s (rank %u on '%.127s')", name, rank,
                 self->hosts + rank * self->host_bytes);
    else
        snprintf(out, CPS_ROUTE_NAME_BYTES, "%s (rank %u)", name, rank);
}

void cps_route_rank_name(const struct cps_route *self, uint32_t rank, char out[CPS_ROUTE_NAME_BYTES])
{
    if (self->hosts && rank < self->ranks)
        snprintf(out, CPS_ROUTE_NAME_BYTES, "rank %u on '%.127s'", rank, self->hosts + rank * self->host_bytes);
    else
        snprintf(out, CPS_ROUTE_NAME_BYTES, "rank %u", rank);
}

bool cps_route_leaves_host(const struct cps_route *self, uint32_t rank)
{
    return self->host_of && self->host_of[rank] != self->host_of[self->rank];
}

/* Whether node runs on rank. */
static bool lives_on(const struct cps_route *self, uint32_t node, uint32_t rank)
{
    return node < self->nodes && self->node_rank[node] == rank;
}

/* Names the peer and the kind of its message, which what complains of. */
static enum cps_status refuse(const struct cps_route *self, uint32_t peer, const struct cps_message *message,
                              const char *what)
{
    char sender[CPS_ROUTE_NAME_BYTES];
    cps_route_rank_name(self, peer, sender);
    return cps_fail(CPS_ERR_PEER, "%s sent rank %u a '%s' from node %u to node %u, which %s", sender, self->rank,
                    cps_message_kind_name(message->kind), message->from, message->to, what);
}

enum cps_status cps_route_check(const struct cps_route *self, uint32_t peer, const struct cps_message *message)
{
    if (!lives_on(self, message->from, peer) || !lives_on(self, message->to, self->rank))
        return refuse(self, peer, message, "do not run there");
    if (!cps_message_allowed(message->kind, cps_route_role(self, message->from),
                             cps_route_role(self, message->to)))
        return refuse(self, peer, message, "their roles do not allow");
    return CPS_OK;
}
