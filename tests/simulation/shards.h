/* Random ratings for simulated jobs, cut by user. */
#ifndef CPS_TESTS_SIMULATION_SHARDS_H
#define CPS_TESTS_SIMULATION_SHARDS_H

#include "common/base/status.h"
#include "common/data/dataset.h"

struct cps_simulated_set {
    uint32_t users, movies; /* row 0 of each apart */
    uint32_t train, valid;  /* ratings */
    const uint32_t *worker_of; /* [users + 1]: whose each user is; NULL: by user number modulo workers */
};

/* A shard for each of so many workers; cps_free_shards() releases them, also after an error. */
enum cps_status cps_make_shards(const struct cps_simulated_set *set, uint32_t workers,
                                struct cps_dataset *shards);
void cps_free_shards(uint32_t workers, struct cps_dataset *shards);

#endif
