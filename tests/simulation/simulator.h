/*
 * A whole job in one thread without transports: frames wait in a simulated network, and a seeded schedule
 * decides which is delivered next, which faults occur, and when roles tick. The same seed gives the same
 * schedule.
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

/* Every loss of a run; the arrays belong to the caller. */
struct cps_simulated_curve {
    double *step;       /* [steps] */
    double (*epoch)[2]; /* [epochs]: train_loss, valid_loss */
    uint32_t *told;     /* [steps]: how often the step was reported */
    uint32_t epochs_told;
    uint32_t *rows_sum; /* [epochs]: checksum of the model after the epoch; 0 if it was not read completely */
};

struct cps_simulation {
    struct cps_plan plan;             /* servers and workers included */
    const struct cps_dataset *shards; /* [workers], as loaded for each worker */
    const struct cps_kernels *kernels;
    uint64_t schedule; /* seed of the schedule; 0: deliver in the order of sending */
    struct cps_simulated_faults faults;
    bool near; /* nodes behave as in one process, and lend rows in place */
    struct cps_simulated_curve *curve;
    const struct cps_simulated_save *restart; /* resume from it; NULL: from the beginning */
    struct cps_simulated_save *save;          /* the last one that became valid; NULL: none are made */
    uint64_t ask_at, stop_at, cut_at; /* numbers of deliveries after which a checkpoint is requested, the run
                                       * is told to end, and the job crashes; 0: never */
    uint64_t max_deliveries;          /* CPS_ERR_PEER if exceeded: the job hangs */
};

struct cps_simulation_result {
    uint8_t model[CPS_SHA256_BYTES]; /* of all trained rows */
    bool ended;                      /* it has trained all epochs; else it was stopped, crashed or diverged */
    bool diverged;
    uint64_t diverged_step;
    uint64_t deliveries, dropped, saves, skipped;
    uint64_t lost, repeated, resets, stalls;
};

enum cps_status cps_simulate(const struct cps_simulation *simulation, struct cps_simulation_result *out);

#endif
