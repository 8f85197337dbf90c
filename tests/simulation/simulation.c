/*
 * Thousands of seeded schedules with delay, reordering and duplication: every one must
 * end, and end with the same model and the same losses, bit for bit.
 *
 *     simulate_schedules [SCHEDULES [FIRST_SEED]]
 *
 * A schedule that fails names its seed; `simulate_schedules 1 SEED` replays it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "tests/simulation/simulator.h"

enum { USERS = 13, MOVIES = 17, RATINGS = 150, SHAPES = 6 };

static const struct {
    uint32_t servers, workers;
} shapes[SHAPES] = {{1, 1}, {1, 4}, {3, 4}, {4, 1}, {5, 2}, {2, 3}};

/* A set of random ratings, cut by user for a job of so many workers. */
static enum cps_status make_shards(uint32_t workers, struct cps_dataset *shards)
{
    uint32_t valid = RATINGS / 5, train = RATINGS - valid;
    for (uint32_t w = 0; w < workers; w++) {
        struct cps_dataset *shard = &shards[w];
        *shard = (struct cps_dataset){.rating_count = RATINGS, .train_count = train, .valid_count = valid};
        for (int part = 0; part < 2; part++) {
            struct cps_samples *samples = part ? &shard->valid : &shard->train;
            CPS_TRY(cps_alloc("users", RATINGS, sizeof *samples->user, &samples->user));
            CPS_TRY(cps_alloc("movies", RATINGS, sizeof *samples->movie, &samples->movie));
            CPS_TRY(cps_alloc("ratings", RATINGS, sizeof *samples->rating, &samples->rating));
            CPS_TRY(cps_alloc("indices", RATINGS, sizeof *samples->index, &samples->index));
        }
    }
    for (uint32_t i = 0; i < RATINGS; i++) {
        uint32_t words[4];
        cps_random_block(7, CPS_RANDOM_TEST + 2, i, words);
        uint32_t user = 1 + words[0] % USERS;
        struct cps_dataset *shard = &shards[user % workers];
        struct cps_samples *samples = i < valid ? &shard->valid : &shard->train;
        samples->user[samples->count] = user;
        samples->movie[samples->count] = 1 + words[1] % MOVIES;
        samples->rating[samples->count] = (float)(1 + words[2] % 5);
        samples->index[samples->count++] = i < valid ? 0 : i - valid;
    }
    return CPS_OK;
}

static void free_shards(uint32_t workers, struct cps_dataset *shards)
{
    for (uint32_t w = 0; w < workers; w++)
        for (int part = 0; part < 2; part++) {
            struct cps_samples *samples = part ? &shards[w].valid : &shards[w].train;
            free(samples->user);
            free(samples->movie);
            free(samples->rating);
            free(samples->index);
        }
}

static struct cps_plan plan_of(int shape, enum cps_optimizer_kind optimizer)
{
    return (struct cps_plan){.model = CPS_MODEL_BIAS,
                             .factors = 5,
                             .has_range = true,
                             .range_high = 5.5f,
                             .user_rows = USERS + 1,
                             .movie_rows = MOVIES + 1,
                             .optimizer = optimizer,
                             .epochs = 2,
                             .batch_size = 16,
                             .train_count = RATINGS - RATINGS / 5,
                             .valid_count = RATINGS / 5,
                             .lr_max = 0.05,
                             .wd = 0.1,
                             .wd_bias = 0.02,
                             .seed = 3,
                             .gradient_bits = 40,
                             .servers = shapes[shape].servers,
                             .workers = shapes[shape].workers};
}

/* The job of a schedule: shape and optimizer go round with its seed. */
static enum cps_status simulate(uint64_t schedule, enum cps_optimizer_kind optimizer, int shape,
                                struct cps_simulation_result *out)
{
    struct cps_dataset shards[8] = {0};
    struct cps_simulation simulation = {.plan = plan_of(shape, optimizer),
                                        .shards = shards,
                                        .kernels = &cps_kernels_scalar,
                                        .schedule = schedule,
                                        .duplicates = 0.1,
                                        .max_deliveries = 1000000};
    uint32_t workers = simulation.plan.workers;
    enum cps_status status = make_shards(workers, shards);
    if (status == CPS_OK)
        status = cps_simulate(&simulation, out);
    free_shards(workers, shards);
    return status;
}

static bool same(const struct cps_simulation_result *a, const struct cps_simulation_result *b)
{
    return memcmp(a->model, b->model, sizeof a->model) == 0 &&
           memcmp(a->losses, b->losses, sizeof a->losses) == 0;
}

static int complain(uint64_t schedule, const char *what)
{
    fprintf(stderr, "schedule %llu (%u servers, %u workers): %s\n", (unsigned long long)schedule,
            shapes[schedule % SHAPES].servers, shapes[schedule % SHAPES].workers, what);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    uint64_t schedules = 10000, first = 1, deliveries = 0, dropped = 0, started = cps_clock_ns();
    if ((argc > 1 && !cps_text_to_u64(argv[1], &schedules)) ||
        (argc > 2 && !cps_text_to_u64(argv[2], &first))) {
        fprintf(stderr, "usage: simulate_schedules [SCHEDULES [FIRST_SEED]]\n");
        return EXIT_FAILURE;
    }
    struct cps_simulation_result want[3], got;
    for (int optimizer = 0; optimizer < 3; optimizer++)
        if (simulate(0, (enum cps_optimizer_kind)optimizer, 0, &want[optimizer]) != CPS_OK)
            return complain(0, cps_error_text());
    for (uint64_t schedule = first; schedule < first + schedules; schedule++) {
        uint64_t optimizer = schedule / SHAPES % 3;
        if (simulate(schedule, (enum cps_optimizer_kind)optimizer, (int)(schedule % SHAPES), &got) != CPS_OK)
            return complain(schedule, cps_error_text());
        if (!same(&got, &want[optimizer]))
            return complain(schedule, "another model or other losses than one server and one worker in order");
        deliveries += got.deliveries;
        dropped += got.dropped;
    }
    printf("%llu schedules, %llu deliveries, %llu duplicates dropped: one hash each for adam, sgd and adagrad "
           "(%.1f s)\n",
           (unsigned long long)schedules, (unsigned long long)deliveries, (unsigned long long)dropped,
           (double)(cps_clock_ns() - started) * 1e-9);
    return EXIT_SUCCESS;
}
