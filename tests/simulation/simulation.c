/*
 * Thousands of seeded schedules with delay, reordering and duplication: every run must end with the same model
 * and the same losses, bit for bit. Most save checkpoints, crash or are stopped once or more, and resume from
 * the last checkpoint with other numbers of servers and workers. Runs that diverge must do so at the same step,
 * with the same losses before it and the same message.
 *
 *     simulate_schedules [SCHEDULES [FIRST_SEED [block]]]
 *
 * A schedule that fails names its seed; `simulate_schedules 1 SEED` replays it. With 'block' all schedules
 * use the block solver, and seeds give other schedules.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/model/blocks.h"
#include "tests/simulation/shards.h"
#include "tests/simulation/simulator.h"

enum { USERS = 13, MOVIES = 17, RATINGS = 150, SHAPES = 6, EPOCHS = 2, BATCH = 16 };
enum { STEPS = (RATINGS - RATINGS / 5) / BATCH * EPOCHS };
enum { BLOCKS = STEPS / EPOCHS };

/* The parts of a plan that differ between kinds of runs. */
struct kind {
    enum cps_solver_kind solver;
    enum cps_optimizer_kind optimizer;
};

static const struct kind kinds[] = {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_ADAM},
                                    {CPS_SOLVER_BATCH, CPS_OPTIMIZER_SGD},
                                    {CPS_SOLVER_BATCH, CPS_OPTIMIZER_ADAGRAD},
                                    {CPS_SOLVER_BLOCK, CPS_OPTIMIZER_SGD},
                                    {CPS_SOLVER_BLOCK, CPS_OPTIMIZER_ADAGRAD}};
enum { KINDS = sizeof kinds / sizeof kinds[0], FIRST_BLOCK_KIND = 3 };

static const struct {
    uint32_t servers, workers;
} shapes[SHAPES] = {{1, 1}, {1, 4}, {3, 4}, {4, 1}, {5, 2}, {2, 3}};

static const struct cps_simulated_set set = {
    .users = USERS, .movies = MOVIES, .train = RATINGS - RATINGS / 5, .valid = RATINGS / 5};

static struct cps_plan plan_of(int shape, struct kind kind)
{
    return (struct cps_plan){.model = CPS_MODEL_BIAS,
                             .factors = 5,
                             .has_range = true,
                             .range_high = 5.5f,
                             .user_rows = USERS + 1,
                             .movie_rows = MOVIES + 1,
                             .optimizer = kind.optimizer,
                             .solver = kind.solver,
                             .blocks = kind.solver == CPS_SOLVER_BLOCK ? BLOCKS : 0,
                             .epochs = EPOCHS,
                             .batch_size = BATCH,
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

/* Distributes the set to the workers as the solver requires. */
static enum cps_status make_shards(const struct cps_plan *plan, struct cps_dataset *shards)
{
    struct cps_simulated_set dealt = set;
    struct cps_blocks blocks;
    uint32_t worker_of[USERS + 1];
    if (plan->solver == CPS_SOLVER_BLOCK) {
        cps_blocks_init(&blocks, plan);
        for (uint32_t user = 0; user <= USERS; user++)
            worker_of[user] = cps_blocks_worker_of(&blocks, user);
        dealt.worker_of = worker_of;
    }
    return cps_make_shards(&dealt, plan->workers, shards);
}

/* The results of a run. */
struct outcome {
    double step[STEPS], epoch[EPOCHS][2];
    uint8_t model[CPS_SHA256_BYTES];
};

/* A job, from its beginning or its last checkpoint until it ends, is stopped or crashes. */
struct job {
    struct kind kind;
    struct outcome outcome;
    uint32_t told[STEPS], rows_sum[EPOCHS];
    struct cps_simulated_curve curve;
    struct cps_simulated_save save;
    struct cps_simulation_result result;
    uint64_t starts, saves, skipped, deliveries, dropped;
};

static enum cps_status job_init(struct job *self, struct kind kind)
{
    struct cps_plan plan = plan_of(0, kind);
    *self = (struct job){.kind = kind};
    self->curve = (struct cps_simulated_curve){.step = self->outcome.step,
                                               .epoch = self->outcome.epoch,
                                               .told = self->told,
                                               .rows_sum = self->rows_sum};
    return cps_alloc("a checkpoint", (size_t)cps_plan_keys(&plan) * cps_plan_state_words(&plan),
                     sizeof(uint32_t), &self->save.state);
}

/* Every schedule duplicates and reorders frames; most also lose some. */
static struct cps_simulated_faults faults_of(uint64_t schedule)
{
    struct cps_simulated_faults faults = {.duplicates = 0.1};
    faults.drops = schedule % 2 ? 0.02 : 0;
    faults.refusals = schedule % 3 ? 0.02 : 0;
    faults.resets = schedule % 5 ? 0.01 : 0;
    faults.cuts = schedule % 7 ? 0.002 : 0;
    faults.stalls = schedule % 4 ? 0.003 : 0;
    return faults;
}

static uint64_t chance(uint64_t schedule, uint64_t start, uint64_t number, uint64_t below)
{
    return cps_random_u64(schedule, CPS_RANDOM_TEST + 3, start * 16 + number) % below;
}

/* Truncates the records to their state at the checkpoint. */
static void rewind_records(struct job *self)
{
    uint64_t steps = self->save.valid ? self->save.mark.step : 0;
    self->curve.epochs_told = self->save.valid ? (uint32_t)self->save.mark.record_bytes[0] : 0;
    for (uint64_t step = steps; step < STEPS; step++) {
        self->told[step] = 0;
        self->outcome.step[step] = -1;
    }
}

/* Starts the job once. Its first starts may crash; signals and checkpoints occur at random. */
static enum cps_status start_once(struct job *self, uint64_t schedule, int shape, bool cuts)
{
    struct cps_dataset shards[8] = {0};
    uint64_t start = self->starts++;
    struct cps_simulation simulation = {.plan = plan_of(shape, self->kind),
                                        .shards = shards,
                                        .kernels = &cps_kernels_scalar,
                                        .schedule = schedule ? schedule + start * 1000003 : 0,
                                        .faults = faults_of(schedule),
                                        .near = (schedule + start) % 5 < 2,
                                        .curve = &self->curve,
                                        .restart = self->save.valid ? &self->save : NULL,
                                        .save = schedule ? &self->save : NULL,
                                        .max_deliveries = 1000000};
    uint32_t workers = simulation.plan.workers;
    if (cuts) {
        simulation.plan.save_every = chance(schedule, start, 0, 8);
        simulation.ask_at = chance(schedule, start, 1, 300);
        uint64_t *end_at = chance(schedule, start, 2, 2) ? &simulation.stop_at : &simulation.cut_at;
        *end_at = start < 3 ? 1 + chance(schedule, start, 3, 400) : 0;
    }
    enum cps_status status = make_shards(&simulation.plan, shards);
    if (status == CPS_OK)
        status = cps_simulate(&simulation, &self->result);
    cps_free_shards(workers, shards);
    return status;
}

static int complain(uint64_t schedule, const char *what)
{
    fprintf(stderr, "schedule %llu (%u servers, %u workers): %s\n", (unsigned long long)schedule,
            shapes[schedule % SHAPES].servers, shapes[schedule % SHAPES].workers, what);
    return EXIT_FAILURE;
}

/* ---- runs that diverge ---- */

/* Learning rates that cause each kind of divergence; the first two at the boundary of two epochs. */
static const struct {
    struct kind kind;
    double lr_max;
} wild[] = {{{CPS_SOLVER_BATCH, CPS_OPTIMIZER_SGD}, 5},       {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_SGD}, 5.5},
            {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_SGD}, 30},      {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_SGD}, 100},
            {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_ADAM}, 300},    {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_ADAM}, 1000},
            {{CPS_SOLVER_BATCH, CPS_OPTIMIZER_ADAGRAD}, 500}, {{CPS_SOLVER_BLOCK, CPS_OPTIMIZER_SGD}, 0.3}};
enum { WILDS = sizeof wild / sizeof wild[0] };

/* The results of a run that diverged. */
struct wild_outcome {
    double step[STEPS];
    uint64_t told, diverged_step;
    uint32_t epochs;
    char text[CPS_ERROR_BYTES];
};

static enum cps_status simulate_wild(int number, uint64_t schedule, int shape, struct wild_outcome *out)
{
    struct cps_dataset shards[8] = {0};
    uint32_t told[STEPS] = {0};
    double epoch[EPOCHS][2];
    struct cps_simulation_result result = {0};
    *out = (struct wild_outcome){.told = 0};
    struct cps_simulated_curve curve = {.step = out->step, .epoch = epoch, .told = told};
    struct cps_simulation simulation = {.plan = plan_of(shape, wild[number].kind),
                                        .shards = shards,
                                        .kernels = &cps_kernels_scalar,
                                        .schedule = schedule,
                                        .faults = faults_of(schedule),
                                        .curve = &curve,
                                        .max_deliveries = 1000000};
    simulation.plan.has_range = false;
    simulation.plan.schedule = CPS_SCHEDULE_CONSTANT;
    simulation.plan.lr_max = wild[number].lr_max;
    simulation.plan.wd = simulation.plan.wd_bias = 0.0;
    enum cps_status status = make_shards(&simulation.plan, shards);
    if (status == CPS_OK)
        status = cps_simulate(&simulation, &result);
    cps_free_shards(simulation.plan.workers, shards);
    CPS_TRY(status);
    if (!result.diverged)
        return cps_fail(CPS_ERR_INTERNAL, "rate %g does not diverge", wild[number].lr_max);
    for (uint64_t step = 0; step < STEPS; step++)
        out->told += told[step];
    out->epochs = curve.epochs_told;
    out->diverged_step = result.diverged_step;
    snprintf(out->text, sizeof out->text, "%s", cps_error_text());
    return CPS_OK;
}

/* Compares every schedule of a run that diverges with one server and one worker without reordering. */
static int check_wild(uint64_t schedules, uint64_t first)
{
    struct wild_outcome want, got;
    for (int number = 0; number < WILDS; number++) {
        if (simulate_wild(number, 0, 0, &want) != CPS_OK)
            return complain(0, cps_error_text());
        for (uint64_t schedule = first; schedule < first + schedules; schedule++) {
            if (simulate_wild(number, schedule, (int)(schedule % SHAPES), &got) != CPS_OK)
                return complain(schedule, cps_error_text());
            if (memcmp(&got, &want, sizeof got) != 0) {
                fprintf(stderr, "%llu losses, '%s'; of one server and one worker %llu, '%s'\n",
                        (unsigned long long)got.told, got.text, (unsigned long long)want.told, want.text);
                return complain(schedule, "diverged in another way");
            }
        }
        printf("%llu schedules: %s, after %llu losses and %u epochs\n", (unsigned long long)schedules,
               want.text, (unsigned long long)want.told, want.epochs);
    }
    return EXIT_SUCCESS;
}

/* ---- the main part ---- */

/* Starts the job until it has ended, each time with other numbers of servers and workers. */
static enum cps_status simulate(struct job *self, uint64_t schedule, int shape, bool cuts)
{
    do {
        rewind_records(self);
        CPS_TRY(start_once(self, schedule, (int)((uint64_t)shape + self->starts) % SHAPES, cuts));
        self->saves += self->result.saves;
        self->skipped += self->result.skipped;
        self->deliveries += self->result.deliveries;
        self->dropped += self->result.dropped;
    } while (!self->result.ended);
    memcpy(self->outcome.model, self->result.model, sizeof self->outcome.model);
    for (uint64_t step = 0; step < STEPS; step++)
        if (self->told[step] != 1)
            return cps_fail(CPS_ERR_INTERNAL, "step %llu was told of %u times", (unsigned long long)step,
                            self->told[step]);
    return self->curve.epochs_told == EPOCHS
               ? CPS_OK
               : cps_fail(CPS_ERR_INTERNAL, "%u epochs were told of", self->curve.epochs_told);
}

/* Whether every model read after an epoch equals that of the reference job. */
static bool same_epoch_models(const struct job *job, const struct job *want)
{
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        if (job->rows_sum[epoch] && job->rows_sum[epoch] != want->rows_sum[epoch])
            return false;
    return true;
}

int main(int argc, char **argv)
{
    uint64_t schedules = 10000, first = 1, started = cps_clock_ns();
    bool only_block = argc > 3 && strcmp(argv[3], "block") == 0;
    int first_kind = only_block ? FIRST_BLOCK_KIND : 0;
    if ((argc > 1 && !cps_text_to_u64(argv[1], &schedules)) ||
        (argc > 2 && !cps_text_to_u64(argv[2], &first)) || (argc > 3 && !only_block)) {
        fprintf(stderr, "usage: simulate_schedules [SCHEDULES [FIRST_SEED [block]]]\n");
        return EXIT_FAILURE;
    }
    struct job want[KINDS], job, total = {0};
    for (int kind = 0; kind < KINDS; kind++)
        if (job_init(&want[kind], kinds[kind]) != CPS_OK || simulate(&want[kind], 0, 0, false) != CPS_OK)
            return complain(0, cps_error_text());
    for (uint64_t schedule = first; schedule < first + schedules; schedule++) {
        const struct job *same = &want[first_kind + (int)(schedule / SHAPES % (uint64_t)(KINDS - first_kind))];
        if (job_init(&job, same->kind) != CPS_OK ||
            simulate(&job, schedule, (int)(schedule % SHAPES), schedule % 4 != 0) != CPS_OK)
            return complain(schedule, cps_error_text());
        if (memcmp(&job.outcome, &same->outcome, sizeof job.outcome) != 0)
            return complain(schedule, "another model or other losses than one server and one worker in order");
        if (!same_epoch_models(&job, same))
            return complain(schedule, "another model after an epoch than one server and one worker in order");
        total.starts += job.starts;
        total.saves += job.saves;
        total.skipped += job.skipped;
        total.deliveries += job.deliveries;
        total.dropped += job.dropped;
        free(job.save.state);
    }
    for (int kind = 0; kind < KINDS; kind++)
        free(want[kind].save.state);
    printf("%llu %sschedules in %llu starts, %llu checkpoints (%llu skipped), %llu deliveries, %llu duplicates "
           "dropped: one hash for each optimizer of each solver (%.1f s)\n",
           (unsigned long long)schedules, only_block ? "block " : "", (unsigned long long)total.starts,
           (unsigned long long)total.saves, (unsigned long long)total.skipped,
           (unsigned long long)total.deliveries, (unsigned long long)total.dropped,
           (double)(cps_clock_ns() - started) * 1e-9);
    return check_wild(schedules / 20 + 1, first);
}
