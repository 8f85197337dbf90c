/* Bytes of any length between the ranks, for what they read together. */
#ifndef CPS_CLUSTER_EXCHANGE_H
#define CPS_CLUSTER_EXCHANGE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/cluster/cluster.h"
#include "common/data/peers.h"

/* The ranks of self as the readers of ratings want them; self is borrowed. Not collective. */
struct cps_peers cps_cluster_peers(struct cps_cluster *self);

/* Everybody's bytes to everybody: rank r's are (*all)[starts[r] .. starts[r+1]), starts having ranks + 1
 * entries. *all is the caller's to free. Collective. */
enum cps_status cps_cluster_gather_bytes(struct cps_cluster *self, const void *own, uint64_t bytes, char **all,
                                         uint64_t *starts);

/* Everybody's records of CPS_PEERS_RECORD_BYTES to rank root, in the order of the ranks: *all, of *count of
 * them, is root's to free, and NULL elsewhere. Collective. */
enum cps_status cps_cluster_collect(struct cps_cluster *self, uint32_t root, const void *own, uint64_t records,
                                    void **all, uint64_t *count);

#endif
