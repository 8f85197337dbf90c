/*
 * A whole job in one thread without transports: every message waits in a pool, and a
 * seeded schedule decides which is delivered next, which twice, and when roles tick.
 * The same seed gives the same schedule.
 */
#ifndef CPS_TESTS_SIMULATION_SIMULATOR_H
#define CPS_TESTS_SIMULATION_SIMULATOR_H

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/model/kernels.h"
#include "common/model/plan.h"
#include "server/coordinator/coordinator.h"
#include "worker/batches.h"

struct cps_simulation {
    struct cps_plan plan;             /* servers and workers included */
    const struct cps_dataset *shards; /* [workers], as loaded for each worker */
    const struct cps_kernels *kernels;
    uint64_t schedule;       /* seed of the schedule; 0: deliver in the order of sending */
    double duplicates;       /* chance that a delivered message is delivered again later */
    uint64_t max_deliveries; /* CPS_ERR_PEER beyond: nothing may hang */
};

struct cps_simulation_result {
    uint8_t model[CPS_SHA256_BYTES];  /* of all trained rows */
    uint8_t losses[CPS_SHA256_BYTES]; /* of every step loss and epoch result, as bits */
    uint64_t deliveries, dropped;
};

enum cps_status cps_simulate(const struct cps_simulation *simulation, struct cps_simulation_result *out);

#endif
