/*
 * Long runs over a bad network: several blocks of grants, rows that are idle for hundreds of steps, and
 * frames that are lost, duplicated, reordered, refused, reset and delayed. Every run must end with the same
 * model and losses, bit for bit.
 *
 *     simulate_long_runs [SCHEDULES [FIRST_SEED [PROCESSES]]]
 *
 * A schedule that fails names its seed; `simulate_long_runs 1 SEED` replays it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/simulation/shards.h"
#include "tests/simulation/simulator.h"

enum { BATCH = 2, EPOCH_STEPS = 550, EPOCHS = 4, STEPS = EPOCH_STEPS * EPOCHS, SHAPES = 8 };

/* A movie occurs about every 150 steps, a user every 20. */
static const struct cps_simulated_set set = {
    .users = 20, .movies = 300, .train = BATCH * EPOCH_STEPS, .valid = 60};

static const struct {
    uint32_t servers, workers;
} shapes[SHAPES] = {{1, 1}, {1, 1}, {2, 1}, {1, 1}, {1, 2}, {1, 1}, {2, 2}, {1, 1}};

/* The results of a run. */
struct outcome {
    double step[STEPS], epoch[EPOCHS][2];
    uint8_t model[CPS_SHA256_BYTES];
};

static struct cps_plan plan_of(uint64_t schedule)
{
    return (struct cps_plan){.model = CPS_MODEL_BIAS,
                             .factors = 2,
                             .has_range = true,
                             .range_high = 5.5f,
                             .user_rows = set.users + 1,
                             .movie_rows = set.movies + 1,
                             .epochs = EPOCHS,
                             .batch_size = BATCH,
                             .train_count = set.train,
                             .valid_count = set.valid,
                             .lr_max = 0.05,
                             .wd = 0.1,
                             .wd_bias = 0.02,
                             .seed = 3,
                             .gradient_bits = 40,
                             .servers = shapes[schedule % SHAPES].servers,
                             .workers = shapes[schedule % SHAPES].workers};
}

/* A fault every few dozen frames. */
static struct cps_simulated_faults faults_of(uint64_t schedule)
{
    struct cps_simulated_faults faults = {.duplicates = 0.02};
    faults.drops = schedule % 2 ? 0.003 : 0;
    faults.refusals = schedule % 3 ? 0.01 : 0;
    faults.resets = schedule % 5 ? 0.002 : 0;
    faults.cuts = schedule % 7 ? 0.0005 : 0;
    faults.stalls = schedule % 4 ? 0.0005 : 0;
    return faults;
}

static enum cps_status simulate(uint64_t schedule, struct outcome *out, struct cps_simulation_result *result)
{
    struct cps_dataset shards[2] = {0};
    static uint32_t told[STEPS], rows_sum[EPOCHS];
    struct cps_simulated_curve curve = {
        .step = out->step, .epoch = out->epoch, .told = told, .rows_sum = rows_sum};
    struct cps_simulation simulation = {.plan = plan_of(schedule),
                                        .shards = shards,
                                        .kernels = &cps_kernels_scalar,
                                        .schedule = schedule,
                                        .faults = faults_of(schedule),
                                        .curve = &curve,
                                        .max_deliveries = 10000000};
    memset(out, 0, sizeof *out);
    enum cps_status status = cps_make_shards(&set, simulation.plan.workers, shards);
    if (status == CPS_OK)
        status = cps_simulate(&simulation, result);
    cps_free_shards(simulation.plan.workers, shards);
    memcpy(out->model, result->model, sizeof out->model);
    return status;
}

static int complain(uint64_t schedule, const char *what)
{
    fprintf(stderr, "schedule %llu (%u servers, %u workers): %s\n", (unsigned long long)schedule,
            shapes[schedule % SHAPES].servers, shapes[schedule % SHAPES].workers, what);
    return EXIT_FAILURE;
}

/* Runs every PROCESSES-th schedule, starting with first. */
static int run_share(uint64_t first, uint64_t end, uint64_t processes)
{
    static struct outcome want, got;
    struct cps_simulation_result result = {0};
    uint64_t schedules = 0, deliveries = 0, lost = 0, repeated = 0, resets = 0, stalls = 0;
    if (simulate(0, &want, &result) != CPS_OK)
        return complain(0, cps_error_text());
    for (uint64_t schedule = first; schedule < end; schedule += processes, schedules++) {
        if (simulate(schedule, &got, &result) != CPS_OK)
            return complain(schedule, cps_error_text());
        if (memcmp(&got, &want, sizeof got) != 0)
            return complain(schedule, "another model or other losses than one server and one worker in order");
        deliveries += result.deliveries;
        lost += result.lost;
        repeated += result.repeated;
        resets += result.resets;
        stalls += result.stalls;
    }
    printf(
        "%llu schedules of %u steps, %llu deliveries; %llu frames lost in %llu resets and otherwise, %llu sent "
        "again, %llu stalls: one hash\n",
        (unsigned long long)schedules, STEPS, (unsigned long long)deliveries, (unsigned long long)lost,
        (unsigned long long)resets, (unsigned long long)repeated, (unsigned long long)stalls);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    uint64_t schedules = 300, first = 1, processes = 1, started = cps_clock_ns();
    if ((argc > 1 && !cps_text_to_u64(argv[1], &schedules)) ||
        (argc > 2 && !cps_text_to_u64(argv[2], &first)) ||
        (argc > 3 && !cps_text_to_u64(argv[3], &processes)) || processes == 0) {
        fprintf(stderr, "usage: simulate_long_runs [SCHEDULES [FIRST_SEED [PROCESSES]]]\n");
        return EXIT_FAILURE;
    }
    for (uint64_t share = 1; share < processes; share++)
        if (fork() == 0)
            return run_share(first + share, first + schedules, processes);
    int code = run_share(first, first + schedules, processes), other;
    while (wait(&other) > 0)
        code |= other != 0;
    printf("%.1f s\n", (double)(cps_clock_ns() - started) * 1e-9);
    return code;
}
