/* The distribution of a set's ratings over the workers of a job. */
#ifndef CPS_DATA_SHARING_H
#define CPS_DATA_SHARING_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/peers.h"

struct cps_sharing {
    const struct cps_peers *peers; /* NULL: this process is alone */
    uint32_t shards;
    const uint32_t *shard_rank; /* [shards]: the rank of each; unused alone */

    /* Assigns each row of the user table to a shard: fills shard_of_row[set->users.rows]; set has its counts
     * and vocabularies. Must give the same result on every rank. NULL: by the hash of the user's id. */
    enum cps_status (*deal)(void *context, const struct cps_dataset *set, uint32_t *shard_of_row);
    void *context; /* of deal */
};

#endif
