/*
 * A server's table: its rows whatever the number of servers, pulls and reads, and sparse
 * training against dense training in double precision, for each optimizer.
 */
#include "common/model/initial.h"
#include "server/shard/table.h"
#include "tests/unit/roles.h"

enum { KEYS = 22, MOST_WIDTH = 64 };

static struct cps_table table_of(const struct cps_plan *plan, uint32_t server)
{
    struct cps_table table;
    check_ok(cps_table_init(&table, plan, &cps_kernels_scalar, server, NULL, 1));
    return table;
}

/* Grants all of the plan's steps, up to a block. */
static void grant_all(struct cps_table *table)
{
    static struct cps_hyper hyper[CPS_BLOCK_STEPS];
    uint64_t total = cps_plan_steps(&table->plan);
    while (cps_table_granted(table) < total) {
        uint64_t left = total - cps_table_granted(table);
        uint32_t steps = left < CPS_BLOCK_STEPS ? (uint32_t)left : CPS_BLOCK_STEPS;
        hyper_of(&table->plan, cps_table_granted(table), steps, hyper);
        check_ok(cps_table_grant(table, hyper, steps));
    }
}

/* A gradient that depends on step, key and column alone; sizes over four decades. */
static double gradient_of(uint64_t step, uint32_t key, uint32_t column)
{
    uint64_t index = (step * KEYS + key) * MOST_WIDTH + column;
    return test_normal(0, index) * pow(10.0, -(double)((key + column) % 5));
}

static bool is_touched(uint64_t step, uint32_t key)
{
    return test_uniform(1, step * KEYS + key) < 0.5 / (1.0 + (double)(key % 8) * 4.0);
}

static void sums_of(uint64_t step, uint32_t key, uint32_t width, int64_t *sum, uint32_t stride)
{
    memset(sum, 0, stride * sizeof *sum);
    for (uint32_t j = 0; j < width; j++)
        sum[j] = (int64_t)(gradient_of(step, key, j) * 0x1p40);
}

/* Pulls and trains the touched rows of steps first .. last, as a server does. */
static void train_steps(struct cps_table *table, uint64_t first, uint64_t last)
{
    float row[MOST_WIDTH];
    int64_t sum[MOST_WIDTH + CPS_LANES] __attribute__((aligned(64)));
    for (uint64_t step = first; step <= last; step++)
        for (uint32_t r = 0; r < table->rows; r++) {
            uint32_t key = cps_table_key_of(table, r);
            if (!is_touched(step, key))
                continue;
            cps_table_pull(table, 0, r, step - 1, row);
            sums_of(step, key, table->width, sum, table->stride);
            cps_table_begin_step(table, step);
            assert_true(cps_table_train(table, r, sum));
        }
}

static void rows_are_the_same_on_any_number_of_servers(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    float want[MOST_WIDTH], got[MOST_WIDTH];
    for (plan.servers = 1; plan.servers <= KEYS + 3; plan.servers++) {
        uint32_t rows = 0;
        for (uint32_t server = 0; server < plan.servers; server++) {
            struct cps_table table = table_of(&plan, server);
            rows += table.rows;
            for (uint32_t r = 0; r < table.rows; r++) {
                uint32_t key = cps_table_key_of(&table, r);
                assert_true(cps_table_owns(&table, key));
                check_int(cps_table_row_of(&table, key), r, "row of key %u", key);
                cps_initial_row(&plan, key, want);
                cps_table_read(&table, 0, r, 0, got);
                assert_memory_equal(got, want, table.width * sizeof(float));
            }
            assert_false(cps_table_owns(&table, KEYS));
            cps_table_release(&table);
        }
        check_int(rows, KEYS, "rows over %u servers", plan.servers);
    }
}

static void start_from(const void *context, const struct cps_plan *plan, uint32_t key, float *row)
{
    for (uint32_t j = 0; j < cps_plan_row_width(plan); j++)
        row[j] = *(const float *)context + (float)(key * 100 + j);
}

static void rows_can_be_given(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    const float base = 0.5f;
    struct cps_initial_rows start = {.context = &base, .row = start_from};
    struct cps_table table;
    float row[MOST_WIDTH];
    plan.servers = 3;
    check_ok(cps_table_init(&table, &plan, &cps_kernels_scalar, 1, &start, 1));
    for (uint32_t r = 0; r < table.rows; r++) {
        cps_table_read(&table, 0, r, 0, row);
        for (uint32_t j = 0; j < table.width; j++)
            check_near((double)row[j], 0.5 + cps_table_key_of(&table, r) * 100.0 + j, 0.0, "element %u", j);
    }
    cps_table_release(&table);
}

static const enum cps_optimizer_kind optimizers[] = {CPS_OPTIMIZER_ADAM, CPS_OPTIMIZER_SGD,
                                                     CPS_OPTIMIZER_ADAGRAD};

static void check_same_tables(const struct cps_table *a, const struct cps_table *b)
{
    assert_memory_equal(a->floats, b->floats, (size_t)a->rows * a->row_floats * sizeof(float));
    assert_memory_equal(a->step, b->step, a->rows * sizeof *a->step);
}

/* Two tables trained alike, one of which is read all the time. */
static void reads_leave_no_trace(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT_OF(optimizers); o++)
        for (int two_decays = 0; two_decays < 2; two_decays++) {
            struct cps_plan plan = small_plan();
            float pulled[MOST_WIDTH], read[MOST_WIDTH];
            plan.optimizer = optimizers[o];
            plan.wd_bias = two_decays ? 0.02 : plan.wd;
            plan.wd_movie_bias = two_decays ? 0.2 : 0;
            struct cps_table table = table_of(&plan, 0), quiet = table_of(&plan, 0);
            grant_all(&table);
            grant_all(&quiet);
            for (uint64_t step = 1; step <= 560; step += 40) {
                train_steps(&table, step, step + 39);
                train_steps(&quiet, step, step + 39);
                for (uint32_t r = 0; r < table.rows; r++)
                    cps_table_read(&table, 0, r, step + 39, read);
                check_same_tables(&table, &quiet);
            }
            for (uint32_t r = 0; r < table.rows; r++) {
                cps_table_read(&table, 0, r, 600, read);
                cps_table_pull(&table, 0, r, 600, pulled);
                assert_memory_equal(read, pulled, table.width * sizeof(float));
                cps_table_read(&table, 0, r, 600, read);
                assert_memory_equal(read, pulled, table.width * sizeof(float));
            }
            cps_table_release(&table);
            cps_table_release(&quiet);
        }
}

/* A row has one history, on whatever server and by whatever build of the kernels. */
static void training_is_the_same_on_any_server_and_build(void **state)
{
    (void)state;
    static const enum cps_isa isas[] = {CPS_ISA_SCALAR, CPS_ISA_AVX2, CPS_ISA_AVX512};
    for (size_t o = 0; o < COUNT_OF(optimizers); o++) {
        struct cps_plan plan = small_plan();
        plan.optimizer = optimizers[o];
        plan.wd_bias = 0.03;
        plan.wd_movie_bias = 0.05;
        struct cps_table whole = table_of(&plan, 0);
        grant_all(&whole);
        train_steps(&whole, 1, 400);
        plan.servers = 3;
        for (size_t i = 0; i < COUNT_OF(isas); i++)
            for (uint32_t server = 0; server < 3; server++) {
                struct cps_table table;
                const struct cps_kernels *kernels;
                float got[MOST_WIDTH], want[MOST_WIDTH];
                if (cps_kernels_select(isas[i], &kernels) != CPS_OK)
                    continue;
                check_ok(cps_table_init(&table, &plan, kernels, server, NULL, 1));
                grant_all(&table);
                train_steps(&table, 1, 400);
                for (uint32_t r = 0; r < table.rows; r++) {
                    cps_table_read(&table, 0, r, 400, got);
                    cps_table_read(&whole, 0, cps_table_key_of(&table, r), 400, want);
                    assert_memory_equal(got, want, table.width * sizeof(float));
                }
                cps_table_release(&table);
            }
        cps_table_release(&whole);
    }
}

/* With a decay of its own the bias is what a table of that decay makes of it, and the
 * factors what one of theirs does. */
static void biases_can_decay_by_themselves(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT_OF(optimizers); o++) {
        struct cps_plan plan = small_plan(), by_wd = plan, by_bias = plan;
        float got[MOST_WIDTH], factors[MOST_WIDTH], bias[MOST_WIDTH];
        plan.optimizer = by_wd.optimizer = by_bias.optimizer = optimizers[o];
        plan.wd_bias = by_bias.wd = by_bias.wd_bias = 0.02;
        struct cps_table table = table_of(&plan, 0), wd_table = table_of(&by_wd, 0),
                         bias_table = table_of(&by_bias, 0);
        struct cps_table *all[] = {&table, &wd_table, &bias_table};
        assert_non_null(table.bias_idle);
        for (int i = 0; i < 3; i++) {
            grant_all(all[i]);
            train_steps(all[i], 1, 560);
        }
        for (uint32_t r = 0; r < table.rows; r++) {
            cps_table_read(&table, 0, r, 600, got);
            cps_table_read(&wd_table, 0, r, 600, factors);
            cps_table_read(&bias_table, 0, r, 600, bias);
            assert_memory_equal(got, factors, plan.factors * sizeof(float));
            assert_true(got[plan.factors] == bias[plan.factors]);
        }
        for (int i = 0; i < 3; i++)
            cps_table_release(all[i]);
    }
}

/* The factors are those of a table that trains its biases. */
static void biases_can_be_kept(void **state)
{
    (void)state;
    static const double movie_decays[] = {0, 0.2};
    for (size_t d = 0; d < COUNT_OF(movie_decays); d++) {
        struct cps_plan plan = small_plan(), kept = plan;
        float got[MOST_WIDTH], trained[MOST_WIDTH], start[MOST_WIDTH];
        plan.optimizer = kept.optimizer = CPS_OPTIMIZER_SGD;
        kept.keeps_biases = true;
        kept.wd_movie_bias = movie_decays[d];
        struct cps_table table = table_of(&kept, 0), other = table_of(&plan, 0);
        grant_all(&table);
        grant_all(&other);
        train_steps(&table, 1, 560);
        train_steps(&other, 1, 560);
        for (uint32_t r = 0; r < table.rows; r++) {
            cps_initial_row(&plan, cps_table_key_of(&table, r), start);
            cps_table_read(&table, 0, r, 600, got);
            cps_table_read(&other, 0, r, 600, trained);
            assert_memory_equal(got, trained, plan.factors * sizeof(float));
            assert_true(got[plan.factors] == start[plan.factors]);
            assert_true(got[plan.factors] != trained[plan.factors]);
        }
        cps_table_release(&table);
        cps_table_release(&other);
    }
}

struct dense_row {
    double w[MOST_WIDTH], m[MOST_WIDTH], v[MOST_WIDTH], history[2];
};

static double bias_decay_of(const struct cps_plan *plan, uint32_t key)
{
    return key < plan->user_rows ? plan->wd_bias : cps_plan_movie_bias_decay(plan);
}

static void dense_adam(struct dense_row *row, const struct cps_plan *plan, uint64_t step, uint32_t key,
                       bool touched)
{
    struct cps_hyper hyper = cps_schedule_at(plan, step - 1);
    for (uint32_t j = 0; j < plan->factors + 1; j++) {
        double g = touched ? gradient_of(step, key, j) : 0.0;
        row->w[j] *= 1.0 - hyper.lr * (j == plan->factors ? bias_decay_of(plan, key) : plan->wd);
        row->m[j] = hyper.momentum * row->m[j] + (1.0 - hyper.momentum) * g;
        row->v[j] = 0.99 * row->v[j] + 0.01 * g * g;
        row->w[j] -= hyper.lr / (1.0 - pow(hyper.momentum, (double)step)) * row->m[j] /
                     (sqrt(row->v[j] / (1.0 - pow(0.99, (double)step))) + 1e-5);
    }
}

/* SGD, and AdaGrad with one accumulator for a row's factors and one for its bias. */
static void dense_descent(struct dense_row *row, const struct cps_plan *plan, uint64_t step, uint32_t key,
                          bool touched)
{
    double lr = cps_schedule_at(plan, step - 1).lr, rate[2] = {lr, lr};
    if (plan->optimizer == CPS_OPTIMIZER_ADAGRAD && touched) {
        for (uint32_t j = 0; j < plan->factors; j++)
            row->history[0] += pow(gradient_of(step, key, j), 2.0) / plan->factors;
        row->history[1] += pow(gradient_of(step, key, plan->factors), 2.0);
        for (int part = 0; part < 2; part++)
            rate[part] = lr / (sqrt(row->history[part]) + 1e-10);
    }
    for (uint32_t j = 0; j < plan->factors + 1; j++) {
        bool bias = j == plan->factors;
        row->w[j] *= 1.0 - lr * (bias ? bias_decay_of(plan, key) : plan->wd);
        row->w[j] -= touched ? rate[bias] * gradient_of(step, key, j) : 0.0;
    }
}

/* The worst difference of a row's weights; infinite if one of them is no number. (gcc 12 for arm64 stops at
 * fmax here.) */
static double worst_of_row(const float *got, const double *want, uint32_t width)
{
    double worst = 0.0;
    for (uint32_t j = 0; j < width; j++) {
        double error = fabs((double)got[j] - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? (double)INFINITY : error;
    }
    return worst;
}

/* Rows with gaps of all lengths, up to never, follow dense training. */
static void sparse_training_is_dense_training(void **state)
{
    (void)state;
    enum { STEPS = 600 };
    static const double tolerance = 1e-6;
    for (size_t o = 0; o < 2 * COUNT_OF(optimizers); o++) {
        struct cps_plan plan = small_plan();
        double worst = 0.0;
        plan.optimizer = optimizers[o / 2];
        plan.wd_bias = 0.03;
        plan.wd_movie_bias = o % 2 ? 0.3 : 0;
        struct cps_table table = table_of(&plan, 0);
        grant_all(&table);
        train_steps(&table, 1, STEPS);
        for (uint32_t key = 0; key < KEYS; key++) {
            struct dense_row real = {.history = {0}};
            float row[MOST_WIDTH];
            cps_initial_row(&plan, key, row);
            for (uint32_t j = 0; j < table.width; j++)
                real.w[j] = (double)row[j];
            for (uint64_t step = 1; step <= STEPS; step++) {
                bool touched = is_touched(step, key);
                if (plan.optimizer == CPS_OPTIMIZER_ADAM)
                    dense_adam(&real, &plan, step, key, touched);
                else
                    dense_descent(&real, &plan, step, key, touched);
            }
            cps_table_read(&table, 0, key, STEPS, row);
            worst = fmax(worst, worst_of_row(row, real.w, table.width));
        }
        print_message("optimizer %d: worst weight off by %.2e, tolerance %.0e\n", plan.optimizer, worst,
                      tolerance);
        check_at_most(worst, tolerance, "worst weight of optimizer %d", plan.optimizer);
        cps_table_release(&table);
    }
}

static void untouched_rows_decay(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT_OF(optimizers); o++) {
        struct cps_plan plan = small_plan();
        float before[MOST_WIDTH], after[MOST_WIDTH];
        double decay = 1.0;
        plan.optimizer = optimizers[o];
        struct cps_table table = table_of(&plan, 0);
        grant_all(&table);
        for (uint64_t step = 0; step < 600; step++)
            decay *= 1.0 - cps_schedule_at(&plan, step).lr * plan.wd;
        cps_table_read(&table, 0, 4, 0, before);
        cps_table_pull(&table, 0, 4, 600, after);
        for (uint32_t j = 0; j < table.width; j++)
            check_near((double)after[j], (double)before[j] * decay, 1e-8, "element %u", j);
        cps_table_release(&table);
    }
}

/* A dot model's rows may fill their stride: nothing stands behind the last. */
static void rows_may_fill_their_stride(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT_OF(optimizers); o++) {
        struct cps_plan plan = small_plan();
        float row[MOST_WIDTH];
        plan.model = CPS_MODEL_DOT;
        plan.factors = 16;
        plan.optimizer = optimizers[o];
        struct cps_table table = table_of(&plan, 0);
        check_int(table.width, table.stride, "stride");
        grant_all(&table);
        train_steps(&table, 1, 100);
        for (uint32_t r = 0; r < table.rows; r++) {
            cps_table_read(&table, 0, r, 100, row);
            for (int j = 0; j < 16; j++)
                assert_true(isfinite(row[j]));
        }
        cps_table_release(&table);
    }
}

static void a_gradient_out_of_range_is_divergence(void **state)
{
    (void)state;
    for (size_t o = 0; o < COUNT_OF(optimizers); o++)
        for (uint32_t at = 0; at < 6; at++)
            for (int two_decays = 0; two_decays < 2; two_decays++) {
                struct cps_plan plan = small_plan();
                float row[MOST_WIDTH];
                int64_t sum[16] __attribute__((aligned(64))) = {0};
                plan.optimizer = optimizers[o];
                plan.wd_bias = two_decays ? 0.0 : plan.wd;
                struct cps_table table = table_of(&plan, 0);
                grant_all(&table);
                cps_table_pull(&table, 0, 3, 0, row);
                sum[at] = (int64_t)1 << 51;
                cps_table_begin_step(&table, 1);
                check_int(cps_table_train(&table, 3, sum), false, "optimizer %d, element %u", optimizers[o],
                          at);
                cps_table_release(&table);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_same_on_any_number_of_servers),
        cmocka_unit_test(rows_can_be_given),
        cmocka_unit_test(reads_leave_no_trace),
        cmocka_unit_test(training_is_the_same_on_any_server_and_build),
        cmocka_unit_test(biases_can_decay_by_themselves),
        cmocka_unit_test(biases_can_be_kept),
        cmocka_unit_test(sparse_training_is_dense_training),
        cmocka_unit_test(untouched_rows_decay),
        cmocka_unit_test(rows_may_fill_their_stride),
        cmocka_unit_test(a_gradient_out_of_range_is_divergence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
