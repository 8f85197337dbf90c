/* The check of a received message's addresses; see route.h. */
#include "common/net/route.h"

enum cps_status cps_route_check(const struct cps_route *self, uint32_t peer, const struct cps_message *message)
{
    if (message->from < self->nodes && self->node_rank[message->from] == peer && message->to < self->nodes &&
        self->node_rank[message->to] == self->rank)
        return CPS_OK;
    return cps_fail(CPS_ERR_PEER,
                    "rank %u sent rank %u a '%s' from node %u to node %u, which do not live there", peer,
                    self->rank, cps_message_kind_name(message->kind), message->from, message->to);
}
