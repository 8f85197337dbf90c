/* Which rank runs which node, as a transport and a driver of one rank see it. */
#ifndef CPS_NET_ROUTE_H
#define CPS_NET_ROUTE_H

#include "common/net/message.h"

struct cps_route {
    uint32_t rank; /* this one */
    uint32_t ranks;
    uint32_t nodes;
    const uint32_t *node_rank; /* [nodes]; borrowed */
};

/* Checks that message, come from rank peer, is from a node of that rank to one of this.
 * CPS_ERR_PEER otherwise. */
enum cps_status cps_route_check(const struct cps_route *self, uint32_t peer, const struct cps_message *message);

#endif
