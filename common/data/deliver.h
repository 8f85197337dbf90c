/*
 * From the rank that read a rating to the one whose worker trains it.
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
    const struct cps_peers *peers; /* NULL alone */
    uint32_t shards;
    const uint32_t *shard_rank;   /* [shards]: where each is trained; unused alone */
    const uint32_t *shard_of_row; /* of each row of the user table */
    struct cps_split split;
};

/* Delivers ratings, which have their rows, with their places; shards[s] gets its samples if it is this
 * rank's. A NULL in shards, the same on all ranks, is a shard that nobody wants. Consumes list and
 * places. Collective; the ranks have yet to agree on what it returns. */
enum cps_status cps_deliver(const struct cps_delivery *self, struct cps_rating_list *list, uint32_t *places,
                            struct cps_dataset *const *shards);

#endif
