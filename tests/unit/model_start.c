/* What a run starts from and is driven by: initial rows and schedules. */
#include "common/base/sha256.h"
#include "common/model/initial.h"
#include "common/model/schedule.h"
#include "tests/unit/check.h"

static double fastai_cos(double start, double end, double position)
{
    return start + (1.0 + cos(M_PI * (1.0 - position))) * (end - start) / 2.0;
}

/* fastai.callback.schedule.fit_one_cycle with its defaults. */
static struct cps_hyper fastai_one_cycle(double lr_max, uint64_t step, uint64_t steps)
{
    double position = (double)step / (double)steps;
    if (position < 0.25) {
        double q = position / 0.25;
        return (struct cps_hyper){.lr = fastai_cos(lr_max / 25.0, lr_max, q),
                                  .momentum = fastai_cos(0.95, 0.85, q)};
    }
    double q = (position - 0.25) / 0.75;
    return (struct cps_hyper){.lr = fastai_cos(lr_max, lr_max / 1e5, q), .momentum = fastai_cos(0.85, 0.95, q)};
}

static struct cps_plan run_of(enum cps_schedule_kind schedule, uint64_t steps, double lr_max)
{
    return (struct cps_plan){
        .schedule = schedule, .epochs = 1, .batch_size = 1, .train_count = steps, .lr_max = lr_max};
}

static void one_cycle_is_that_of_fastai(void **state)
{
    (void)state;
    static const uint64_t runs[] = {1, 2, 3, 4, 5, 7, 100, 6250, 10001};
    static const double rates[] = {5e-3, 1.0, 3e-7};
    for (size_t r = 0; r < COUNT_OF(runs); r++)
        for (size_t l = 0; l < COUNT_OF(rates); l++) {
            struct cps_plan plan = run_of(CPS_SCHEDULE_ONE_CYCLE, runs[r], rates[l]);
            for (uint64_t step = 0; step < runs[r]; step++) {
                struct cps_hyper got = cps_schedule_at(&plan, step),
                                 want = fastai_one_cycle(rates[l], step, runs[r]);
                check_near(got.lr, want.lr, 2e-15 * rates[l], "lr of step %lu of %lu", (unsigned long)step,
                           (unsigned long)runs[r]);
                check_near(got.momentum, want.momentum, 1e-15, "momentum of step %lu of %lu",
                           (unsigned long)step, (unsigned long)runs[r]);
            }
        }
}

static void schedules_have_their_end_points(void **state)
{
    (void)state;
    static const struct {
        enum cps_schedule_kind schedule;
        uint64_t step;
        double lr, momentum;
    } cases[] = {
        {CPS_SCHEDULE_ONE_CYCLE, 0, 5e-3 / 25, 0.95},
        {CPS_SCHEDULE_ONE_CYCLE, 250, 5e-3, 0.85},
        {CPS_SCHEDULE_ONE_CYCLE, 1000, 5e-8, 0.95},
        {CPS_SCHEDULE_ONE_CYCLE, 125, (5e-3 / 25 + 5e-3) / 2, 0.90},
        {CPS_SCHEDULE_ONE_CYCLE, 625, (5e-3 + 5e-8) / 2, 0.90},
        {CPS_SCHEDULE_CONSTANT, 0, 5e-3, 0.9},
        {CPS_SCHEDULE_CONSTANT, 999, 5e-3, 0.9},
        {CPS_SCHEDULE_COSINE, 0, 5e-3, 0.9},
        {CPS_SCHEDULE_COSINE, 500, 2.5e-3, 0.9},
        {CPS_SCHEDULE_COSINE, 1000, 0.0, 0.9},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_plan plan = run_of(cases[i].schedule, 1000, 5e-3);
        struct cps_hyper got = cps_schedule_at(&plan, cases[i].step);
        check_near(got.lr, cases[i].lr, 1e-17, "lr of schedule %d at %lu", cases[i].schedule,
                   (unsigned long)cases[i].step);
        check_near(got.momentum, cases[i].momentum, 2e-16, "momentum of schedule %d at %lu", cases[i].schedule,
                   (unsigned long)cases[i].step);
    }
}

static void schedules_run_over_all_epochs(void **state)
{
    (void)state;
    struct cps_plan plan = {.schedule = CPS_SCHEDULE_ONE_CYCLE,
                            .epochs = 5,
                            .batch_size = 64,
                            .train_count = 80000,
                            .lr_max = 5e-3,
                            .wd = 0.1};
    struct cps_plan flat = run_of(CPS_SCHEDULE_ONE_CYCLE, 6250, 5e-3);
    check_int(cps_plan_steps(&plan), 6250, "steps");
    for (uint64_t step = 0; step < 6250; step++) {
        struct cps_hyper a = cps_schedule_at(&plan, step), b = cps_schedule_at(&flat, step);
        assert_true(a.lr == b.lr && a.momentum == b.momentum);
        assert_true(a.lr > 0.0 && a.lr <= 5e-3 * (1.0 + 1e-15));
    }
}

enum { FACTORS = 5, USERS = 7, MOVIES = 11, WIDTH = FACTORS + 1 };

static const struct cps_plan small = {
    .model = CPS_MODEL_BIAS, .factors = FACTORS, .user_rows = USERS, .movie_rows = MOVIES, .seed = 42};

/* The promise of every curve: these bytes never change. An implementation of its own, in
 * another language, gave the same digest. */
static void initial_rows_keep_their_bits(void **state)
{
    (void)state;
    struct cps_sha256 *hash;
    uint8_t digest[CPS_SHA256_BYTES];
    char hex[CPS_SHA256_HEX_BYTES];
    float row[WIDTH];
    check_ok(cps_sha256_create(&hash));
    for (uint32_t key = 0; key < USERS + MOVIES; key++) {
        cps_initial_row(&small, key, row);
        cps_sha256_add(hash, row, sizeof row);
    }
    cps_sha256_finish(hash, digest);
    cps_sha256_destroy(&hash);
    cps_sha256_to_hex(digest, hex);
    assert_string_equal(hex, "03e57fc634537cde02760db71528a356e050d286940663cec049ed7ad39e6521");
}

static void initial_rows_follow_their_formula(void **state)
{
    (void)state;
    float row[WIDTH];
    for (uint32_t key = 0; key < USERS + MOVIES; key++) {
        cps_initial_row(&small, key, row);
        uint32_t purpose = key < USERS ? CPS_RANDOM_USER_INIT : CPS_RANDOM_MOVIE_INIT;
        uint64_t table_row = key < USERS ? key : key - USERS;
        for (uint64_t column = 0; column < WIDTH; column++) {
            double normal = cps_random_normal(42, purpose, table_row << 32 | column);
            check_near((double)row[column], fmod(normal, 2.0) * 0.01, 1e-9, "row %u, column %lu", key,
                       (unsigned long)column);
        }
    }
}

/* A row depends on the seed, its table, its number and its column, and on nothing else. */
static void initial_rows_depend_on_themselves_alone(void **state)
{
    (void)state;
    struct cps_plan plan = small;
    float want[2][WIDTH], row[64];
    cps_initial_row(&small, 3, want[0]);
    cps_initial_row(&small, USERS + 4, want[1]);
    plan.model = CPS_MODEL_DOT;
    plan.factors = 64;
    plan.user_rows = 1000;
    plan.movie_rows = 50;
    plan.servers = 3;
    plan.workers = 9;
    cps_initial_row(&plan, 3, row);
    assert_memory_equal(row, want[0], sizeof want[0]);
    cps_initial_row(&plan, 1000 + 4, row);
    assert_memory_equal(row, want[1], sizeof want[1]);
    plan.seed = 43;
    cps_initial_row(&plan, 3, row);
    for (int j = 0; j < WIDTH; j++)
        assert_true(row[j] != want[0][j]);
}

static void initial_rows_differ(void **state)
{
    (void)state;
    float rows[USERS + MOVIES][WIDTH];
    const float *flat = rows[0];
    for (uint32_t key = 0; key < USERS + MOVIES; key++)
        cps_initial_row(&small, key, rows[key]);
    for (size_t i = 0; i < (USERS + MOVIES) * WIDTH; i++)
        for (size_t j = 0; j < i; j++)
            if (flat[i] == flat[j])
                fail_msg("elements %zu and %zu are both %.9g", j, i, (double)flat[i]);
}

/* The k-th moment of fmod(N(0,1), 2) by summing over its density. */
static double moment_of_remainder(int order)
{
    double sum = 0.0, h = 1e-4;
    for (double x = -9.0 + h / 2; x < 9.0; x += h)
        sum += pow(fmod(x, 2.0), order) * exp(-x * x / 2.0) / sqrt(2.0 * M_PI) * h;
    return sum;
}

static void initial_values_are_distributed_as_fastai_draws_them(void **state)
{
    (void)state;
    enum { WIDE = 200, ROWS = 1000 };
    struct cps_plan plan = small;
    float row[WIDE];
    double mean = 0.0, square = 0.0, n = WIDE * ROWS, variance = moment_of_remainder(2) * 1e-4;
    plan.model = CPS_MODEL_DOT;
    plan.factors = WIDE;
    plan.user_rows = plan.movie_rows = ROWS / 2;
    for (uint32_t key = 0; key < ROWS; key++) {
        cps_initial_row(&plan, key, row);
        for (size_t j = 0; j < WIDE; j++) {
            assert_true(fabsf(row[j]) <= 0.02f);
            mean += (double)row[j] / n;
            square += (double)row[j] * (double)row[j] / n;
        }
    }
    check_near(mean, 0.0, 5.0 * sqrt(variance / n), "mean");
    double spread = sqrt((moment_of_remainder(4) * 1e-8 - variance * variance) / n);
    check_near(square, variance, 5.0 * spread, "mean square");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cycle_is_that_of_fastai),
        cmocka_unit_test(schedules_have_their_end_points),
        cmocka_unit_test(schedules_run_over_all_epochs),
        cmocka_unit_test(initial_rows_keep_their_bits),
        cmocka_unit_test(initial_rows_follow_their_formula),
        cmocka_unit_test(initial_rows_depend_on_themselves_alone),
        cmocka_unit_test(initial_rows_differ),
        cmocka_unit_test(initial_values_are_distributed_as_fastai_draws_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
