/* Random ratings for simulated jobs, divided by user. */
#ifndef CPS_TESTS_SIMULATION_SHARDS_H
#define CPS_TESTS_SIMULATION_SHARDS_H

#include "common/base/status.h"
#include "common/data/dataset.h"

struct cps_simulated_set {
    uint32_t users, movies;    /* without row 0 */
    uint32_t train, valid;     /* ratings */
    const uint32_t *worker_of; /* [users + 1]: the worker of each user; NULL: user number modulo workers */
};

/* Creates a shard for each of `workers` workers; cps_free_shards() releases them, also after an error. */
enum cps_status cps_make_shards(const struct cps_simulated_set *set, uint32_t workers,
                                struct cps_dataset *shards);
void cps_free_shards(uint32_t workers, struct cps_dataset *shards);

#endif
