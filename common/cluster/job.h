/*
 * The nodes of a job (0 is the coordinator, then servers, then
 * workers) and the rank each runs on. The loss curve does not depend on it.
 */
#ifndef CPS_CLUSTER_JOB_H
#define CPS_CLUSTER_JOB_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/net/route.h"

#define CPS_NODE_NAME_BYTES 32

enum cps_role_kind { CPS_ROLE_COORDINATOR, CPS_ROLE_SERVER, CPS_ROLE_WORKER };

struct cps_job {
    uint32_t ranks, servers, workers;
    uint32_t nodes;      /* 1 + servers + workers */
    uint32_t *node_rank; /* [nodes] */
};

/*
 * Assigns servers and workers (0: choose the number) to ranks:
 *   1 rank         every node in the one process
 *   1 + S + W      one node per rank
 *   S + W          the coordinator shares the rank of server 0
 * When neither is asked for, two ranks are coordinator with server, and worker; of more,
 * one coordinates and three in seven of the rest serve. When one is asked for, the other
 * fills the ranks. CPS_ERR_USAGE when they do not fit. cps_job_release() frees it.
 */
enum cps_status cps_job_init(struct cps_job *self, uint32_t ranks, uint32_t servers, uint32_t workers);
void cps_job_release(struct cps_job *self);

/* The route of rank; borrows self's node_rank. Hosts are not known to a job. */
struct cps_route cps_job_route(const struct cps_job *self, uint32_t rank);

enum cps_role_kind cps_job_role(const struct cps_job *self, uint32_t node);

/* The number of ranks with workers on the same host as rank, where host_of[ranks] are the hosts; 1 if that host
 * has none. */
uint32_t cps_job_worker_ranks(const struct cps_job *self, const uint32_t *host_of, uint32_t rank);

/* "coordinator", "server 0", "worker 2". */
void cps_job_node_name(const struct cps_job *self, uint32_t node, char out[CPS_NODE_NAME_BYTES]);

#endif
