/*
 * Sends each rating from the rank that read it to the rank whose worker trains on it.
 *
 *     rank 0: ratings of part 0 --+        shard 0, on rank 2
 *     rank 1: ratings of part 1 --+-->     shard 1, on rank 3      a shard at a time, in the order of the ranks
 *     …                                                            and so of the file
 */
#ifndef CPS_DATA_DELIVER_H
#define CPS_DATA_DELIVER_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/peers.h"
#include "common/data/rating_list.h"
#include "common/data/samples.h"

struct cps_delivery {
    const struct cps_peers *peers; /* NULL for a single process */
    uint32_t shards;
    const uint32_t *shard_rank;   /* [shards]: the rank of each; unused by a single process */
    const uint32_t *shard_of_row; /* the shard of each row of the user table */
    struct cps_split split;
};

/* Delivers ratings whose rows are assigned, with their places; shards[s] gets its samples if this rank owns
 * shard s. A shard that is not wanted is NULL on all ranks. Consumes list and places. Collective; the result
 * may differ between ranks, so the caller must make them agree on it. */
enum cps_status cps_deliver(const struct cps_delivery *self, struct cps_rating_list *list, uint32_t *places,
                            struct cps_dataset *const *shards);

#endif
