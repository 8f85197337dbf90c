/*
 * The kernels: every build equal to the scalar one bit for bit, on rows of all sorts, and
 * the scalar one equal to exact integer arithmetic and to double precision.
 */
#include "common/base/memory.h"
#include "common/model/exact.h"
#include "common/model/kernels.h"
#include "common/model/schedule.h"
#include "tests/unit/check.h"

static const size_t strides[] = {16, 32, 48, 64, 112, 128, 4096 + 16};
enum { MOST = 4096 + 16, SOURCE_ROWS = 6, ROUNDS = 7 };

enum sort { ORDINARY, ZEROES, DENORMAL, HUGE_VALUES, MIXED, SORTS };
static const char *const sort_names[] = {"ordinary", "zeroes", "denormal", "huge", "mixed"};

static float element(enum sort sort, uint32_t stream, uint64_t index)
{
    double x = test_normal(stream, index);
    switch (sort) {
    case ZEROES:
        return x < 0 ? -0.0f : 0.0f;
    case DENORMAL:
        return (float)(x * 1e-39);
    case HUGE_VALUES:
        return (float)(x * pow(10.0, 10.0 + 27.0 * test_uniform(stream + 1, index)));
    case MIXED:
        return element((enum sort)test_below(stream + 2, index, MIXED), stream, index);
    default:
        return (float)(x * 0.1);
    }
}

struct row {
    float w[MOST], m[MOST], v[MOST];
    int64_t sum[MOST];
} __attribute__((aligned(64)));

/* What every comparison of a sort and round starts from, and the rows it works on. */
static float source[SOURCE_ROWS * MOST] __attribute__((aligned(64)));
static struct row start, got, want;

/* m and v are as Adam leaves them: v not negative. Sums are in range, down to single units. */
static void fill(enum sort sort, uint64_t round)
{
    for (uint64_t j = 0; j < SOURCE_ROWS * MOST; j++)
        source[j] = element(sort, 0, round * SOURCE_ROWS * MOST + j);
    for (uint64_t j = 0; j < MOST; j++) {
        start.w[j] = source[j];
        start.m[j] = source[MOST + j];
        start.v[j] = fabsf(source[2 * MOST + j]);
        start.sum[j] = (int64_t)(cps_random_u64(1, CPS_RANDOM_TEST + 12, round * MOST + j)) >> (13 + j % 50);
    }
}

static void restart(void)
{
    got = start;
    want = start;
}

static bool same_bits(const void *a, const void *b, size_t count, bool or_nan)
{
    const uint32_t *x = a, *y = b;
    const float *f = a, *g = b;
    for (size_t i = 0; i < count; i++)
        if (x[i] != y[i] && !(or_nan && isnan(f[i]) && isnan(g[i])))
            return false;
    return true;
}

/* got is want, and nothing behind the stride was touched. */
static void check_rows(size_t stride, const char *what)
{
    const float *gots[] = {got.w, got.m, got.v}, *wants[] = {want.w, want.m, want.v};
    for (int part = 0; part < 3; part++)
        for (size_t j = 0; j < MOST; j++)
            if (!same_bits(gots[part] + j, wants[part] + j, 1, j < stride))
                fail_msg("%s, stride %zu, %c[%zu]: got %a, want %a", what, stride, "wmv"[part], j,
                         (double)gots[part][j], (double)wants[part][j]);
}

/* The builds besides the scalar one that this processor has. */
static size_t other_builds(const struct cps_kernels *out[2])
{
    static const enum cps_isa candidates[] = {CPS_ISA_AVX2, CPS_ISA_AVX512};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(candidates); i++)
        if (cps_kernels_select(candidates[i], &out[count]) == CPS_OK)
            count++;
    return count;
}

/* 40 bits, the batch of the notebook. */
static struct cps_fixed_point notebook(void)
{
    return cps_fixed_point(40, 64);
}

static struct cps_adam_step some_step(uint64_t round)
{
    float momentum = (float)(0.85 + 0.1 * test_uniform(20, round));
    return (struct cps_adam_step){.decay = (float)(1.0 - 5e-4 * test_uniform(21, round)),
                                  .momentum = momentum,
                                  .one_minus = 1.0f - momentum,
                                  .rate = (float)(5e-3 * test_uniform(22, round)),
                                  .square_scale = (float)(1.0 + 9.0 * test_uniform(23, round))};
}

static struct cps_catch_up some_gap(uint64_t round)
{
    static const uint32_t terms[] = {0, 1, 2, 4, 6, 17, CPS_CATCH_UP_TERMS};
    static struct cps_catch_up gap;
    gap.terms = terms[round % COUNT_OF(terms)];
    gap.decay = (float)(1.0 - 0.1 * test_uniform(24, round));
    gap.momentum = (float)test_uniform(25, round);
    gap.square = (float)test_uniform(26, round);
    for (uint32_t i = 0; i < gap.terms; i++) {
        gap.weight[i] = (float)(5e-3 * test_uniform(27, round * CPS_CATCH_UP_TERMS + i));
        gap.ratio[i] = (float)test_uniform(28, round * CPS_CATCH_UP_TERMS + i);
    }
    return gap;
}

static void compare_dot(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    enum { PAIRS = 5 };
    static const uint32_t a[PAIRS] = {0, 1, 2, 5, 3}, b[PAIRS] = {0, 0, 4, 3, 5};
    float got_dot[PAIRS], want_dot[PAIRS];
    (void)round;
    build->dot(source, stride, a, b, PAIRS, got_dot);
    cps_kernels_scalar.dot(source, stride, a, b, PAIRS, want_dot);
    for (int i = 0; i < PAIRS; i++)
        if (!same_bits(got_dot + i, want_dot + i, 1, true))
            fail_msg("%s dot, %s, stride %zu: got %a, want %a", build->name, sort_names[sort], stride,
                     (double)got_dot[i], (double)want_dot[i]);
}

static void compare_accumulate(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    struct cps_fixed_point fixed = notebook();
    float scale = element(sort == HUGE_VALUES ? ORDINARY : sort, 30, round);
    restart();
    bool fits = cps_kernels_scalar.accumulate(want.sum, want.w, scale, stride, &fixed);
    check_int(build->accumulate(got.sum, got.w, scale, stride, &fixed), fits, "%s accumulate, %s, stride %zu",
              build->name, sort_names[sort], stride);
    if (fits)
        assert_memory_equal(got.sum, want.sum, sizeof got.sum);
}

static void compare_adam(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(round);
    restart();
    bool fits = cps_kernels_scalar.adam(want.w, want.m, want.v, want.sum, stride, &step, &fixed);
    check_int(build->adam(got.w, got.m, got.v, got.sum, stride, &step, &fixed), fits, "%s adam, %s, stride %zu",
              build->name, sort_names[sort], stride);
    check_rows(stride, build->name);
}

/* By the scalar build as well: what a contribution alone does is what its sum does. */
static void compare_adam_single(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    const float *x = source + 3 * MOST;
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(round);
    restart();
    memset(want.sum, 0, sizeof want.sum);
    bool fits = cps_kernels_scalar.accumulate(want.sum, x, 1.0f, stride, &fixed);
    fits = cps_kernels_scalar.adam(want.w, want.m, want.v, want.sum, stride, &step, &fixed) && fits;
    check_int(build->adam_single(got.w, got.m, got.v, x, stride, &step, &fixed), fits,
              "%s adam_single, %s, stride %zu", build->name, sort_names[sort], stride);
    if (fits)
        check_rows(stride, build->name);
    got = start;
    check_int(cps_kernels_scalar.adam_single(got.w, got.m, got.v, x, stride, &step, &fixed), fits,
              "scalar adam_single, %s, stride %zu", sort_names[sort], stride);
    if (fits)
        check_rows(stride, "scalar");
}

static void compare_descend(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    struct cps_fixed_point fixed = notebook();
    restart();
    float decay = (float)(1.0 - 0.01 * test_uniform(31, round)), rate = (float)(0.1 * test_uniform(32, round));
    bool fits = cps_kernels_scalar.descend(want.w, want.sum, stride, decay, rate, &fixed);
    check_int(build->descend(got.w, got.sum, stride, decay, rate, &fixed), fits, "%s descend, %s, stride %zu",
              build->name, sort_names[sort], stride);
    check_rows(stride, build->name);
}

static void compare_catch_up(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    static float peeked[MOST] __attribute__((aligned(64)));
    struct cps_catch_up gap = some_gap(round);
    restart();
    build->peek(got.w, got.m, got.v, stride, &gap, peeked);
    check_rows(stride, "peek leaves the row");
    cps_kernels_scalar.catch_up(want.w, want.m, want.v, stride, &gap);
    build->catch_up(got.w, got.m, got.v, stride, &gap);
    check_rows(stride, build->name);
    if (!same_bits(peeked, want.w, stride, true))
        fail_msg("%s peek, %s, stride %zu: other weights than catch_up", build->name, sort_names[sort], stride);
}

static void compare_square_sum(const struct cps_kernels *build, enum sort sort, uint64_t round, size_t stride)
{
    (void)sort, (void)round;
    struct cps_fixed_point fixed = notebook();
    restart();
    float have = build->square_sum(got.sum, stride, &fixed),
          need = cps_kernels_scalar.square_sum(got.sum, stride, &fixed);
    if (!same_bits(&have, &need, 1, false))
        fail_msg("%s square_sum, stride %zu: got %a, want %a", build->name, stride, (double)have, (double)need);
}

static void every_build_gives_the_same_bits(void **state)
{
    (void)state;
    static void (*const comparisons[])(const struct cps_kernels *, enum sort, uint64_t, size_t) = {
        compare_dot,     compare_accumulate, compare_adam,      compare_adam_single,
        compare_descend, compare_catch_up,   compare_square_sum};
    const struct cps_kernels *builds[2];
    size_t count = other_builds(builds);
    if (count == 0)
        print_message("only the scalar kernels run here\n");
    for (enum sort sort = 0; sort < SORTS; sort++)
        for (uint64_t round = 0; round < ROUNDS; round++) {
            fill(sort, round);
            for (size_t b = 0; b < count; b++)
                for (size_t s = 0; s < COUNT_OF(strides); s++)
                    for (size_t c = 0; c < COUNT_OF(comparisons); c++)
                        comparisons[c](builds[b], sort, round, strides[s]);
        }
}

static size_t all_builds(const struct cps_kernels *out[3])
{
    out[0] = &cps_kernels_scalar;
    return 1 + other_builds(out + 1);
}

/* One contribution in a row of small ones, at every place. */
static void contributions_are_limited(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits, batch_size;
        float first_refused;
    } cases[] = {
        {40, 64, 0x1p11f}, {40, 1, 0x1p11f}, {40, 65536, 0x1p6f}, {30, 64, 0x1p21f}, {2, 8192, 0x1p47f}};
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    for (size_t b = 0; b < count; b++)
        for (size_t c = 0; c < COUNT_OF(cases); c++)
            for (size_t at = 0; at < 48; at++) {
                struct cps_fixed_point fixed = cps_fixed_point(cases[c].bits, cases[c].batch_size);
                float refused = cases[c].first_refused, inside = nextafterf(refused, 0.0f);
                const float tries[] = {inside, -inside, refused, -refused, INFINITY, -INFINITY, NAN};
                for (size_t i = 0; i < COUNT_OF(tries); i++) {
                    int64_t sum[48] __attribute__((aligned(64))) = {0};
                    float x[48] __attribute__((aligned(64))) = {0};
                    x[at] = tries[i];
                    check_int(builds[b]->accumulate(sum, x, 1.0f, 48, &fixed), i < 2,
                              "%s takes a contribution of %a in place %zu", builds[b]->name, (double)tries[i],
                              at);
                    if (i < 2)
                        check_int(sum[at], (int64_t)((double)tries[i] * fixed.scale), "its units");
                }
            }
}

/* The same for a contribution that trains its row by itself. */
static void single_contributions_are_limited(void **state)
{
    (void)state;
    static const float inside = 0x1.fffffep10f;
    const float tries[] = {inside, -inside, 0x1p11f, -0x1p11f, INFINITY, -INFINITY, NAN};
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(3);
    for (size_t b = 0; b < count; b++)
        for (size_t at = 0; at < 48; at++)
            for (size_t i = 0; i < COUNT_OF(tries); i++) {
                float w[48] __attribute__((aligned(64))) = {0}, m[48] __attribute__((aligned(64))) = {0};
                float v[48] __attribute__((aligned(64))) = {0}, x[48] __attribute__((aligned(64))) = {0};
                x[at] = tries[i];
                check_int(builds[b]->adam_single(w, m, v, x, 48, &step, &fixed), i < 2,
                          "%s adam_single takes %a in place %zu", builds[b]->name, (double)tries[i], at);
            }
}

/* Sums must be exact in a double. */
static void sums_are_limited(void **state)
{
    (void)state;
    static const int64_t top = (int64_t)1 << 51;
    const int64_t tries[] = {top - 1, -top, top, -top - 1, INT64_MAX, INT64_MIN};
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(0);
    for (size_t b = 0; b < count; b++)
        for (size_t at = 0; at < 48; at++)
            for (size_t i = 0; i < COUNT_OF(tries); i++) {
                int64_t sum[48] __attribute__((aligned(64))) = {0};
                float w[48] __attribute__((aligned(64))) = {0}, m[48] __attribute__((aligned(64))) = {0};
                float v[48] __attribute__((aligned(64))) = {0};
                sum[at] = tries[i];
                check_int(builds[b]->descend(w, sum, 48, 1.0f, 1.0f, &fixed), i < 2, "%s descend, sum %lld",
                          builds[b]->name, (long long)tries[i]);
                if (i < 2)
                    check_near((double)w[at], (double)-(float)((double)tries[i] * 0x1p-40), 0.0, "weight");
                check_int(builds[b]->adam(w, m, v, sum, 48, &step, &fixed), i < 2, "%s adam, sum %lld",
                          builds[b]->name, (long long)tries[i]);
            }
}

/* A weight that is not finite is met wherever it stands. */
static void wild_weights_are_reported(void **state)
{
    (void)state;
    static const float wild[] = {INFINITY, -INFINITY, NAN};
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(1);
    for (size_t b = 0; b < count; b++)
        for (size_t at = 0; at < 32; at++)
            for (size_t i = 0; i < COUNT_OF(wild); i++) {
                int64_t sum[32] __attribute__((aligned(64))) = {0};
                float w[32] __attribute__((aligned(64))) = {0}, m[32] __attribute__((aligned(64))) = {0};
                float v[32] __attribute__((aligned(64))) = {0};
                assert_true(builds[b]->descend(w, sum, 32, 1.0f, 0.1f, &fixed));
                assert_true(builds[b]->adam(w, m, v, sum, 32, &step, &fixed));
                w[at] = wild[i];
                assert_false(builds[b]->descend(w, sum, 32, 1.0f, 0.1f, &fixed));
                w[at] = 0.0f;
                m[at] = wild[i];
                assert_false(builds[b]->adam(w, m, v, sum, 32, &step, &fixed));
            }
}

/* x·2^bits to the nearest integer, ties to even, in integers alone. */
static cps_int128 exact_units(float x, uint32_t bits)
{
    int exponent;
    int64_t digits = (int64_t)ldexpf(frexpf(x, &exponent), 24);
    int shift = exponent - 24 + (int)bits;
    if (shift >= 0)
        return (cps_int128)digits * ((cps_int128)1 << shift);
    if (shift < -60)
        return 0;
    cps_int128 one = (cps_int128)1 << -shift, magnitude = digits < 0 ? -digits : digits;
    cps_int128 whole = magnitude >> -shift, rest = magnitude - (whole << -shift);
    if (2 * rest > one || (2 * rest == one && (whole & 1)))
        whole++;
    return digits < 0 ? -whole : whole;
}

static void accumulate_is_exact(void **state)
{
    (void)state;
    static const uint32_t bits[] = {2, 17, 30, 38, 40};
    static float x[MOST] __attribute__((aligned(64)));
    static int64_t sum[MOST] __attribute__((aligned(64)));
    static cps_int128 exact[MOST];
    for (size_t b = 0; b < COUNT_OF(bits); b++) {
        struct cps_fixed_point fixed = cps_fixed_point(bits[b], 64);
        memset(sum, 0, sizeof sum);
        memset(exact, 0, sizeof exact);
        for (uint64_t round = 0; round < 20; round++) {
            float scale = (float)test_normal(40, round);
            for (uint64_t j = 0; j < MOST; j++) {
                double size = pow(2.0, 8.0 - 60.0 * test_uniform(41, round * MOST + j));
                x[j] = (float)(test_normal(42, round * MOST + j) * size);
                exact[j] += exact_units(scale * x[j], bits[b]);
            }
            assert_true(cps_kernels_scalar.accumulate(sum, x, scale, MOST, &fixed));
        }
        for (size_t j = 0; j < MOST; j++)
            check_int(sum[j], (int64_t)exact[j], "sum %zu in units of 2^-%u", j, bits[b]);
    }
}

static void ties_go_to_even(void **state)
{
    (void)state;
    static const float units[] = {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 0.25f, 0.75f};
    static const int64_t wants[] = {0, 2, 2, 0, -2, -2, 0, 1};
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    struct cps_fixed_point fixed = notebook();
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < COUNT_OF(units); i++) {
            int64_t sum[16] __attribute__((aligned(64))) = {0};
            float x[16] __attribute__((aligned(64))) = {0};
            x[3] = units[i] * 0x1p-40f;
            assert_true(builds[b]->accumulate(sum, x, 1.0f, 16, &fixed));
            check_int(sum[3], wants[i], "%s: %g units", builds[b]->name, (double)units[i]);
        }
}

static void dot_is_near_the_real_one(void **state)
{
    (void)state;
    static float rows[2 * MOST] __attribute__((aligned(64)));
    static const uint32_t a = 0, b = 1;
    for (uint64_t round = 0; round < 50; round++)
        for (size_t s = 0; s < COUNT_OF(strides); s++) {
            double real = 0.0, size = 0.0;
            float dot;
            for (size_t j = 0; j < 2 * strides[s]; j++)
                rows[j] = element(ORDINARY, 50, round * 2 * MOST + j);
            for (size_t j = 0; j < strides[s]; j++) {
                real += (double)rows[j] * (double)rows[strides[s] + j];
                size += fabs((double)rows[j] * (double)rows[strides[s] + j]);
            }
            cps_kernels_scalar.dot(rows, strides[s], &a, &b, 1, &dot);
            check_near((double)dot, real, ((double)strides[s] / 16.0 + 5.0) * 0x1p-24 * size,
                       "dot of stride %zu", strides[s]);
        }
}

static void square_sum_is_near_the_real_one(void **state)
{
    (void)state;
    struct cps_fixed_point fixed = notebook();
    for (size_t s = 0; s < COUNT_OF(strides); s++) {
        double real = 0.0;
        fill(ORDINARY, 77);
        restart();
        for (size_t j = 0; j < strides[s]; j++)
            real += pow((double)got.sum[j] * fixed.inverse, 2.0);
        check_near((double)cps_kernels_scalar.square_sum(got.sum, strides[s], &fixed), real,
                   ((double)strides[s] / 16.0 + 8.0) * 0x1p-24 * real, "sum of squares of stride %zu",
                   strides[s]);
    }
}

struct dense {
    double w, m, v;
};

/* fastai's step as DESIGN states it. */
static void dense_step(struct dense *at, double gradient, const struct cps_hyper *hyper, double wd,
                       uint64_t step)
{
    at->w *= 1.0 - hyper->lr * wd;
    at->m = hyper->momentum * at->m + (1.0 - hyper->momentum) * gradient;
    at->v = 0.99 * at->v + 0.01 * gradient * gradient;
    double unbiased = 1.0 - pow(hyper->momentum, (double)step);
    at->w -= hyper->lr / unbiased * at->m / (sqrt(at->v / (1.0 - pow(0.99, (double)step))) + 1e-5);
}

/* A row that every step touches follows dense Adam in double precision. */
static void adam_follows_the_real_one(void **state)
{
    (void)state;
    enum { STEPS = 500, WIDTH = 16 };
    static const struct cps_plan plan = {.schedule = CPS_SCHEDULE_ONE_CYCLE,
                                         .epochs = 1,
                                         .batch_size = 1,
                                         .train_count = STEPS,
                                         .lr_max = 5e-3,
                                         .wd = 0.1};
    struct cps_hyper hyper[STEPS];
    struct dense real[WIDTH] = {{0}};
    struct cps_fixed_point fixed = notebook();
    struct cps_steps *idle;
    for (uint64_t k = 0; k < STEPS; k++)
        hyper[k] = cps_schedule_at(&plan, k);
    check_ok(cps_steps_create(plan.wd, true, &idle));
    check_ok(cps_steps_grant(idle, hyper, STEPS));
    memset(&got, 0, sizeof got);
    for (uint64_t step = 1; step <= STEPS; step++) {
        struct cps_adam_step coefficients = cps_steps_coefficients(idle, step);
        for (uint64_t j = 0; j < WIDTH; j++) {
            double gradient = test_normal(60, step * WIDTH + j) * pow(10.0, -(double)(j % 6));
            got.sum[j] = (int64_t)(gradient * 0x1p40);
            dense_step(&real[j], (double)got.sum[j] * 0x1p-40, &hyper[step - 1], plan.wd, step);
        }
        assert_true(cps_kernels_scalar.adam(got.w, got.m, got.v, got.sum, WIDTH, &coefficients, &fixed));
        for (uint64_t j = 0; j < WIDTH; j++) {
            check_near((double)got.w[j], real[j].w, 2e-6, "w[%lu] after %lu steps", (unsigned long)j,
                       (unsigned long)step);
            check_near((double)got.v[j], real[j].v, 5e-6 * real[j].v, "v[%lu] after %lu steps",
                       (unsigned long)j, (unsigned long)step);
        }
    }
    cps_steps_destroy(&idle);
}

static void peek_is_catch_up_without_a_trace(void **state)
{
    (void)state;
    static float peeked[MOST] __attribute__((aligned(64)));
    for (uint64_t round = 0; round < 14; round++) {
        struct cps_catch_up gap = some_gap(round);
        fill(ORDINARY, round);
        restart();
        cps_kernels_scalar.peek(got.w, got.m, got.v, 112, &gap, peeked);
        check_rows(112, "peek");
        cps_kernels_scalar.catch_up(got.w, got.m, got.v, 112, &gap);
        assert_true(same_bits(peeked, got.w, 112, false));
        for (size_t j = 0; j < 112; j++) {
            double real = (double)want.w[j] * (double)gap.decay, sum = 0.0;
            for (uint32_t i = 0; i < gap.terms; i++)
                sum += (double)gap.weight[i] / (sqrt((double)want.v[j]) * (double)gap.ratio[i] + 1e-5);
            real -= (double)want.m[j] * sum;
            double size = fabs((double)want.w[j]) + fabs((double)want.m[j]) * sum;
            check_near((double)got.w[j], real, (gap.terms + 8.0) * 0x1p-24 * size, "w[%zu], %u terms", j,
                       gap.terms);
            check_near((double)got.m[j], (double)(want.m[j] * gap.momentum), 0.0, "m[%zu]", j);
            check_near((double)got.v[j], (double)(want.v[j] * gap.square), 0.0, "v[%zu]", j);
        }
    }
}

/* A zero row, as the padding is, stays zero in every kernel. */
static void padding_stays_zero(void **state)
{
    (void)state;
    static const struct row zero;
    const struct cps_kernels *builds[3];
    size_t count = all_builds(builds);
    struct cps_fixed_point fixed = notebook();
    struct cps_adam_step step = some_step(2);
    struct cps_catch_up gap = some_gap(4);
    for (size_t b = 0; b < count; b++) {
        memset(&got, 0, sizeof got);
        assert_true(builds[b]->adam(got.w, got.m, got.v, got.sum, 128, &step, &fixed));
        builds[b]->catch_up(got.w, got.m, got.v, 128, &gap);
        assert_true(builds[b]->descend(got.w, got.sum, 128, 0.9f, 0.1f, &fixed));
        for (size_t j = 0; j < 128; j++)
            check_near((double)got.w[j], (double)zero.w[j], 0.0, "%s: w[%zu]", builds[b]->name, j);
        assert_memory_equal(got.m, zero.m, sizeof zero.m);
        assert_memory_equal(got.v, zero.v, sizeof zero.v);
    }
}

static void a_build_is_chosen_by_name(void **state)
{
    (void)state;
    const struct cps_kernels *kernels;
    check_ok(cps_kernels_select(CPS_ISA_SCALAR, &kernels));
    assert_ptr_equal(kernels, &cps_kernels_scalar);
    assert_string_equal(kernels->name, "scalar");
    check_ok(cps_kernels_select(CPS_ISA_AUTO, &kernels));
    assert_non_null(kernels);
    static const enum cps_isa wide[] = {CPS_ISA_AVX2, CPS_ISA_AVX512};
    static const char *const names[] = {"avx2", "avx512"};
    for (size_t i = 0; i < COUNT_OF(wide); i++) {
        if (cps_kernels_select(wide[i], &kernels) == CPS_OK)
            assert_string_equal(kernels->name, names[i]);
        else
            assert_non_null(strstr(cps_error_text(), names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_build_gives_the_same_bits),
        cmocka_unit_test(contributions_are_limited),
        cmocka_unit_test(single_contributions_are_limited),
        cmocka_unit_test(sums_are_limited),
        cmocka_unit_test(wild_weights_are_reported),
        cmocka_unit_test(accumulate_is_exact),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(dot_is_near_the_real_one),
        cmocka_unit_test(square_sum_is_near_the_real_one),
        cmocka_unit_test(adam_follows_the_real_one),
        cmocka_unit_test(peek_is_catch_up_without_a_trace),
        cmocka_unit_test(padding_stays_zero),
        cmocka_unit_test(a_build_is_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
