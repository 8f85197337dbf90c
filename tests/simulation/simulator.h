/*
 * A whole job in one thread without transports: frames wait in a network, and a seeded
 * schedule decides which is delivered next, what goes wrong on the way, and when roles
 * tick. The same seed gives the same schedule.
 */
#ifndef CPS_TESTS_SIMULATION_SIMULATOR_H
#define CPS_TESTS_SIMULATION_SIMULATOR_H

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/model/kernels.h"
#include "common/model/plan.h"
#include "server/coordinator/coordinator.h"
#include "tests/simulation/network.h"
#include "worker/batches.h"

/* A checkpoint in memory. */
struct cps_simulated_save {
    struct cps_save_mark mark;
    uint32_t *state; /* [keys][cps_plan_state_words] */
    bool valid;
};

/* Every loss of a run, at its place; the caller's. */
struct cps_simulated_curve {
    double *step;       /* [steps] */
    double (*epoch)[2]; /* [epochs]: train_loss, valid_loss */
    uint32_t *told;     /* [steps]: how often a step was told of */
    uint32_t epochs_told;
    uint32_t *rows_sum; /* [epochs]: of the model after it; 0 where it was not read to its end */
};

struct cps_simulation {
    struct cps_plan plan;             /* servers and workers included */
    const struct cps_dataset *shards; /* [workers], as loaded for each worker */
    const struct cps_kernels *kernels;
    uint64_t schedule; /* seed of the schedule; 0: deliver in the order of sending */
    struct cps_simulated_faults faults;
    bool near; /* the nodes take each other to be in one process, and hand rows over in place */
    struct cps_simulated_curve *curve;
    const struct cps_simulated_save *restart; /* go on from it; NULL: from the beginning */
    struct cps_simulated_save *save;          /* the last one that became valid; NULL: none are made */
    uint64_t ask_at, stop_at, cut_at; /* deliveries before a checkpoint is asked for, before one to end with is,
                                       * and before everything is lost; 0: never */
    uint64_t max_deliveries;          /* CPS_ERR_PEER beyond: nothing may hang */
};

struct cps_simulation_result {
    uint8_t model[CPS_SHA256_BYTES]; /* of all trained rows */
    bool ended;                      /* with all epochs; else it was stopped or lost, or it diverged */
    bool diverged;
    uint64_t diverged_step;
    uint64_t deliveries, dropped, saves, skipped;
    uint64_t lost, repeated, resets, stalls;
};

enum cps_status cps_simulate(const struct cps_simulation *simulation, struct cps_simulation_result *out);

#endif
