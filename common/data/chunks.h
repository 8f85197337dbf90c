/* Visits the samples of several shards, whether they are in columns or in the file of a prepared set. */
#ifndef CPS_DATA_CHUNKS_H
#define CPS_DATA_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/data/dataset.h"

/* Gets some samples, all of some users, of shard number `shard`, the first of which is its sample number
 * `first`; index is not set. */
typedef void cps_chunks_visit(void *context, size_t shard, uint64_t first, const struct cps_samples *samples);

/* Calls visit for all training or validation samples of shards[count], always in the same order. CPS_ERR_DATA
 * for a prepared set that was changed since it was checked. */
enum cps_status cps_chunks_each(const struct cps_dataset *const *shards, size_t count, bool training,
                                cps_chunks_visit *visit, void *context);

#endif
