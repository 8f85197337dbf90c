/* The mapping of nodes to ranks and roles, from the view of one rank. */
#ifndef CPS_NET_ROUTE_H
#define CPS_NET_ROUTE_H

#include "common/net/message.h"

#define CPS_ROUTE_NAME_BYTES 192

struct cps_route {
    uint32_t rank; /* this one */
    uint32_t ranks;
    uint32_t nodes;            /* node 0 is the coordinator, then the servers, then the workers */
    uint32_t servers;          /* the number of servers among them */
    const uint32_t *node_rank; /* [nodes]; borrowed */
    const char *hosts;         /* [ranks][host_bytes]: names, borrowed; NULL: not known */
    size_t host_bytes;
    const uint32_t *host_of; /* [ranks]: the same number for the same host, borrowed; NULL: not known */
};

/* The role of node as a bit: CPS_COORDINATOR, CPS_SERVERS or CPS_WORKERS. */
unsigned cps_route_role(const struct cps_route *self, uint32_t node);

/* "worker 2 (rank 5 on 'host')", for errors. */
void cps_route_name(const struct cps_route *self, uint32_t node, char out[CPS_ROUTE_NAME_BYTES]);

/* "rank 5 on 'host'", for errors. */
void cps_route_rank_name(const struct cps_route *self, uint32_t rank, char out[CPS_ROUTE_NAME_BYTES]);

/* Whether messages from this rank to rank leave its host. */
bool cps_route_leaves_host(const struct cps_route *self, uint32_t rank);

/* Checks that message, received from rank peer, is from a node of that rank to a node of this one, and of a
 * kind that the former's role may send to the latter's. CPS_ERR_PEER otherwise. */
enum cps_status cps_route_check(const struct cps_route *self, uint32_t peer, const struct cps_message *message);

#endif
