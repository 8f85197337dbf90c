/*
 * The block solver's kernels: every build equal to the scalar one bit for bit, the scalar one equal to the
 * rule written out in double precision, and a run cut into calls and pieces equal to one call.
 */
#include <stdio.h>

#include "common/base/memory.h"
#include "common/model/block_kernels.h"
#include "tests/unit/check.h"

enum { ROWS = 9, RATINGS = 60, MOST_FLOATS = 4096 + 2 + 14 + CPS_LANES };

static float users[CPS_BLOCK_STREAMS][ROWS * MOST_FLOATS] __attribute__((aligned(64)));
static float movies[CPS_BLOCK_STREAMS][ROWS * MOST_FLOATS] __attribute__((aligned(64)));
static float want_users[CPS_BLOCK_STREAMS][ROWS * MOST_FLOATS] __attribute__((aligned(64)));
static float want_movies[CPS_BLOCK_STREAMS][ROWS * MOST_FLOATS] __attribute__((aligned(64)));
static struct cps_block_rating ratings[CPS_BLOCK_STREAMS][RATINGS + CPS_BLOCK_AHEAD];
static struct cps_block_stream streams[CPS_BLOCK_STREAMS], want_streams[CPS_BLOCK_STREAMS];

/* Gives each stream its ratings in pieces, and then rows of zeroes. */
enum { IDLE = 5 };
static float zeroes[MOST_FLOATS] __attribute__((aligned(64)));
static const struct cps_block_rating blank[IDLE + CPS_BLOCK_AHEAD];
static struct cps_block_stream whole[CPS_BLOCK_STREAMS]; /* the ratings to come */
static uint32_t piece, stop_after;                       /* ratings a piece; pieces until the call is to end */

static void next_piece(void *context, struct cps_block_stream *stream)
{
    struct cps_block_supply *supply = context;
    struct cps_block_stream *all = &whole[stream - streams];
    uint32_t left = (uint32_t)(all->end - all->ratings), count = left < piece ? left : piece;
    if (stream->users != zeroes) {
        all->loss = (int64_t)((uint64_t)all->loss + (uint64_t)stream->loss); /* wild ones overflow */
        all->wild |= stream->wild;
    }
    *stream = *all;
    stream->loss = 0;
    stream->wild = false;
    stream->end = stream->ratings + count;
    all->ratings += count;
    if (count == 0)
        *stream = (struct cps_block_stream){.ratings = blank,
                                            .end = blank + IDLE,
                                            .users = zeroes,
                                            .movies = zeroes,
                                            .decay = 1,
                                            .bias_decay = 1};
    if (stop_after && --stop_after == 0)
        supply->stop = true;
}

/* Trains all ratings of `count` streams from `first` on, in calls of `steps` that may be cut short. */
static void train_all(const struct cps_block_kernels *build, const struct cps_block_rule *rule, uint32_t first,
                      uint32_t count, uint32_t steps)
{
    for (bool left = true; left;) {
        struct cps_block_supply supply = {.next = next_piece};
        supply.context = &supply;
        build->train(rule, streams + first, count, steps, &supply);
        left = false;
        for (uint32_t k = first; k < first + count; k++)
            left |= whole[k].ratings != whole[k].end || streams[k].users != zeroes;
    }
}

struct shape {
    uint32_t factors;
    bool bias, range, adagrad;
};

static struct cps_plan plan_of(const struct shape *shape)
{
    return (struct cps_plan){.model = shape->bias ? CPS_MODEL_BIAS : CPS_MODEL_DOT,
                             .factors = shape->factors,
                             .has_range = shape->range,
                             .range_high = 5.5f,
                             .optimizer = shape->adagrad ? CPS_OPTIMIZER_ADAGRAD : CPS_OPTIMIZER_SGD,
                             .offset = shape->factors % 2 ? 0.4f : 0.0f,
                             .gradient_bits = 40};
}

static void fill_rows(const struct cps_block_rule *rule, bool bias, bool is_movie, uint32_t stream, float *rows)
{
    float weights[4096 + 1];
    memset(rows, 0, ROWS * rule->row_floats * sizeof *rows);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t j = 0; j <= 4096; j++)
            weights[j] = (float)(0.3 * test_normal(stream, row * 5000 + j) / sqrt(rule->factors));
        cps_block_row_set(rule, bias, is_movie, weights, rows + row * rule->row_floats);
        if (rule->adagrad)
            rows[row * rule->row_floats + rule->stride] = rows[row * rule->row_floats + rule->stride + 1] =
                0.5f + (float)test_uniform(stream, row);
    }
}

static void begin(const struct shape *shape, const struct cps_block_rule *rule)
{
    memset(zeroes, 0, sizeof zeroes);
    for (uint32_t k = 0; k < CPS_BLOCK_STREAMS; k++) {
        fill_rows(rule, shape->bias, false, 10 + k, users[k]);
        fill_rows(rule, shape->bias, true, 30 + k, movies[k]);
        for (uint32_t i = 0; i < RATINGS + CPS_BLOCK_AHEAD; i++)
            ratings[k][i] = (struct cps_block_rating){.user = (uint16_t)test_below(50 + k, i, ROWS),
                                                      .movie = (uint16_t)test_below(70 + k, i, ROWS),
                                                      .rating = (float)(1 + test_below(90 + k, i, 5))};
        whole[k] = (struct cps_block_stream){.ratings = ratings[k],
                                             .end = ratings[k] + RATINGS,
                                             .users = users[k],
                                             .movies = movies[k],
                                             .rate = 0.01f + 0.001f * (float)k,
                                             .decay = 1.0f - 0.002f * (float)k,
                                             .bias_decay = 1.0f - 0.001f * (float)k};
        streams[k] = (struct cps_block_stream){.ratings = NULL};
        want_streams[k] = whole[k];
        want_streams[k].users = want_users[k];
        want_streams[k].movies = want_movies[k];
    }
    memcpy(want_users, users, sizeof users);
    memcpy(want_movies, movies, sizeof movies);
}

static void check_same(const char *what, uint32_t stride)
{
    check_int(memcmp(users, want_users, sizeof users), 0, "%s: rows of users differ", what);
    check_int(memcmp(movies, want_movies, sizeof movies), 0, "%s: rows of movies differ", what);
    for (uint32_t k = 0; k < CPS_BLOCK_STREAMS; k++) {
        check_int(whole[k].loss, want_streams[k].loss, "%s: loss of stream %u", what, k);
        check_int(whole[k].wild, want_streams[k].wild, "%s: wildness of stream %u", what, k);
    }
    for (uint32_t i = 0; i < stride; i++)
        check_near((double)zeroes[i], 0, 0, "%s: element %u of the row of zeroes", what, i);
}

static const uint32_t factor_counts[] = {1, 6, 13, 14, 15, 30, 46, 50, 54, 62, 63, 100, 4096};

/* Every shape of row, model and optimizer, in calls and pieces of uneven length. */
static void compare_builds(const struct cps_block_kernels *build, const char *name)
{
    for (uint32_t s = 0; s < COUNT_OF(factor_counts) * 8; s++) {
        const struct shape shape = {factor_counts[s / 8], s & 1, s & 2, s & 4};
        const struct cps_plan plan = plan_of(&shape);
        const struct cps_block_rule rule = cps_block_rule_of(&plan);
        begin(&shape, &rule);
        piece = 1 + s % 17;
        stop_after = s % 5;
        uint32_t count = s / 2 % 2 ? CPS_BLOCK_FEWER_STREAMS : CPS_BLOCK_STREAMS;
        for (uint32_t k = 0; k < CPS_BLOCK_STREAMS; k += count)
            train_all(build, &rule, k, count, 1 + s % 41);
        cps_block_kernels_scalar.train(&rule, want_streams, CPS_BLOCK_STREAMS, RATINGS,
                                       &(struct cps_block_supply){.stop = false});
        char what[99];
        snprintf(what, sizeof what, "%s, %u factors, bias %d, range %d, adagrad %d", name, shape.factors,
                 shape.bias, shape.range, shape.adagrad);
        check_same(what, rule.stride);
        float got[RATINGS], want[RATINGS];
        build->scores(&rule, users[0], movies[0], ratings[0], RATINGS, got);
        cps_block_kernels_scalar.scores(&rule, users[0], movies[0], ratings[0], RATINGS, want);
        check_int(memcmp(got, want, sizeof got), 0, "%s: scores differ", what);
    }
}

static void builds_agree(void **state)
{
    (void)state;
    static const enum cps_isa isas[] = {CPS_ISA_SCALAR, CPS_ISA_AVX2, CPS_ISA_AVX512};
    for (size_t i = 0; i < COUNT_OF(isas); i++) {
        const struct cps_kernels *kernels;
        if (cps_kernels_select(isas[i], &kernels) == CPS_OK)
            compare_builds(cps_block_kernels_of(kernels), kernels->name);
    }
}

/* The rule in double precision, for one rating. */
struct truth {
    double loss, user[2 + 50], movie[2 + 50];
};

static struct truth true_step(const float *user, const float *movie, double rating, double lr, double decay,
                              double bias_decay)
{
    struct truth truth = {0};
    double score = 0;
    for (int j = 0; j < 52; j++)
        score += (double)user[j] * (double)movie[j];
    double share = 1 / (1 + exp(-score)), error = 5.5 * share - rating;
    double slope = 2 * error * 5.5 * share * (1 - share);
    truth.loss = error * error;
    for (int j = 2; j < 52; j++) {
        truth.user[j] = user[j] * decay - lr * slope * movie[j];
        truth.movie[j] = movie[j] * decay - lr * slope * user[j];
    }
    truth.user[0] = user[0] * bias_decay - lr * slope;
    truth.movie[1] = movie[1] * bias_decay - lr * slope;
    truth.user[1] = truth.movie[0] = 1;
    return truth;
}

static void a_step_is_the_rule(void **state)
{
    (void)state;
    const struct shape shape = {50, true, true, false};
    const struct cps_plan plan = plan_of(&shape);
    const struct cps_block_rule rule = cps_block_rule_of(&plan);
    begin(&shape, &rule);
    const struct cps_block_rating first = ratings[3][0];
    const float *user = users[3] + first.user * rule.row_floats,
                *movie = movies[3] + first.movie * rule.row_floats;
    struct truth truth = true_step(user, movie, (double)first.rating, (double)whole[3].rate,
                                   (double)whole[3].decay, (double)whole[3].bias_decay);
    piece = RATINGS;
    stop_after = 0;
    cps_block_kernels_scalar.train(&rule, streams, CPS_BLOCK_STREAMS, 1,
                                   &(struct cps_block_supply){.next = next_piece});
    check_near((double)streams[3].loss * 0x1p-40, truth.loss, 1e-5, "squared error");
    for (int j = 0; j < 52; j++) {
        check_near((double)user[j], truth.user[j], 1e-6, "element %d of the user", j);
        check_near((double)movie[j], truth.movie[j], 1e-6, "element %d of the movie", j);
    }
}

/* What is not a number is seen, and stays in its stream. */
static void wild_errors_are_seen(void **state)
{
    (void)state;
    const struct shape shape = {50, true, true, false};
    const struct cps_plan plan = plan_of(&shape);
    const struct cps_block_rule rule = cps_block_rule_of(&plan);
    const struct cps_kernels *kernels;
    assert_int_equal(cps_kernels_select(CPS_ISA_AUTO, &kernels), CPS_OK);
    begin(&shape, &rule);
    for (uint32_t row = 0; row < ROWS; row++)
        users[5][row * rule.row_floats + 7] = NAN;
    piece = 7;
    stop_after = 0;
    train_all(cps_block_kernels_of(kernels), &rule, 0, CPS_BLOCK_STREAMS, RATINGS);
    for (uint32_t k = 0; k < CPS_BLOCK_STREAMS; k++)
        check_int(whole[k].wild, k == 5, "stream %u is wild", k);
}

/* Rows survive the way there and back. */
static void rows_go_there_and_back(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++)
        for (int movie = 0; movie < 2; movie++) {
            const struct shape shape = {5, bias, true, false};
            const struct cps_plan plan = plan_of(&shape);
            const struct cps_block_rule rule = cps_block_rule_of(&plan);
            const float weights[6] = {1, 2, 3, 4, 5, 6};
            float row[16] = {0}, back[6] = {0};
            cps_block_row_set(&rule, bias, movie, weights, row);
            cps_block_row_get(&rule, bias, movie, row, back);
            assert_memory_equal(back, weights, cps_plan_row_width(&plan) * sizeof(float));
            check_near((double)row[movie ? 0 : 1], bias, 0, "the place of the other's bias");
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_agree),
        cmocka_unit_test(a_step_is_the_rule),
        cmocka_unit_test(wild_errors_are_seen),
        cmocka_unit_test(rows_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
