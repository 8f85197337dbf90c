/* Exchanges bytes of any length between ranks, for reading data together. */
#ifndef CPS_CLUSTER_EXCHANGE_H
#define CPS_CLUSTER_EXCHANGE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/cluster/cluster.h"
#include "common/data/peers.h"

/* The collectives of self in the form that reading ratings needs (data/peers.h); self is borrowed. Not
 * collective. */
struct cps_peers cps_cluster_peers(struct cps_cluster *self);

/* Allgather of bytes: rank r's are (*all)[starts[r] .. starts[r+1]); starts has ranks + 1
 * entries. The caller frees *all. Collective. */
enum cps_status cps_cluster_gather_bytes(struct cps_cluster *self, const void *own, uint64_t bytes, char **all,
                                         uint64_t *starts);

/* Gathers records of CPS_PEERS_RECORD_BYTES on rank root, in the order of the ranks: root frees *all, which
 * holds *count records and is NULL on other ranks. Collective. */
enum cps_status cps_cluster_collect(struct cps_cluster *self, uint32_t root, const void *own, uint64_t records,
                                    void **all, uint64_t *count);

#endif
