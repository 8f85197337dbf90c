/*
 * The blocks in hand: however they are queued, their rows end as if one block were trained after the other.
 */
#include <stdlib.h>

#include "tests/unit/check.h"
#include "worker/hand.h"

enum {
    BLOCKS = 6,
    USERS = 40, /* rows of a block */
    MOVIES = 25,
    FLOATS = 64,
    MOST = 900, /* ratings of a block */
    EPOCHS = 2,
    STEPS = EPOCHS * BLOCKS,
};

static float users[BLOCKS][USERS * FLOATS] __attribute__((aligned(64)));
static float movies[BLOCKS][MOVIES * FLOATS] __attribute__((aligned(64)));
static float want_users[BLOCKS][USERS * FLOATS], want_movies[BLOCKS][MOVIES * FLOATS];
static float zeroes[FLOATS] __attribute__((aligned(64)));
static struct cps_block_rating ratings[BLOCKS * BLOCKS * MOST + CPS_BLOCK_AHEAD];
static const struct cps_block_rating blank[CPS_HAND_IDLE + CPS_BLOCK_AHEAD];
static uint64_t first[BLOCKS * (BLOCKS + 1)];
static const struct cps_block_rating *rows[BLOCKS];

static int by_user(const void *a, const void *b)
{
    const struct cps_block_rating *x = a, *y = b;
    return x->user != y->user ? (x->user > y->user) - (x->user < y->user)
                              : (x->movie > y->movie) - (x->movie < y->movie);
}

static void set_row(const struct cps_block_rule *rule, uint32_t stream, uint32_t number, bool is_movie,
                    float *row)
{
    float weights[51];
    for (uint32_t k = 0; k < COUNT_OF(weights); k++)
        weights[k] = (float)(0.1 * test_normal(stream, number * 100 + k));
    memset(row, 0, FLOATS * sizeof *row);
    cps_block_row_set(rule, true, is_movie, weights, row);
}

/* Fills the ratings: a fifth of the blocks have none, others few or many. */
static void fill(const struct cps_block_rule *rule, uint32_t seed)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        rows[i] = ratings;
        for (uint32_t j = 0; j < BLOCKS; j++) {
            uint32_t key = i * BLOCKS + j, size = (uint32_t)test_below(seed, key, 5);
            uint64_t count = size == 0 ? 0 : test_below(seed + 1, key, size == 1 ? 20 : MOST) + 1;
            first[i * (BLOCKS + 1) + j] = at;
            for (uint64_t r = 0; r < count; r++)
                ratings[at + r] =
                    (struct cps_block_rating){.user = (uint16_t)test_below(seed + 2, key * MOST + r, USERS),
                                              .movie = (uint16_t)test_below(seed + 3, key * MOST + r, MOVIES),
                                              .rating = (float)(1 + test_below(seed + 4, key * MOST + r, 5))};
            qsort(ratings + at, count, sizeof *ratings, by_user);
            at += count;
        }
        first[i * (BLOCKS + 1) + BLOCKS] = at;
        for (uint32_t row = 0; row < USERS; row++)
            set_row(rule, seed + 5, i * USERS + row, false, users[i] + row * FLOATS);
        for (uint32_t row = 0; row < MOVIES; row++)
            set_row(rule, seed + 6, i * MOVIES + row, true, movies[i] + row * FLOATS);
    }
    memcpy(want_users, users, sizeof users);
    memcpy(want_movies, movies, sizeof movies);
}

static float rate_of(uint64_t step)
{
    return 0.01f + 0.002f * (float)step;
}

/* One block after the other, one rating after the other. */
static void train_in_order(const struct cps_block_rule *rule, int64_t *losses)
{
    for (uint64_t step = 0; step < STEPS; step++)
        for (uint32_t i = 0; i < BLOCKS; i++) {
            uint32_t j = (uint32_t)((i + step) % BLOCKS);
            const uint64_t *range = &first[i * (BLOCKS + 1) + j];
            for (uint64_t r = range[0]; r < range[1]; r++) {
                struct cps_block_stream streams[CPS_BLOCK_STREAMS] = {{.ratings = ratings + r,
                                                                       .end = ratings + r + 1,
                                                                       .users = want_users[i],
                                                                       .movies = want_movies[j],
                                                                       .rate = rate_of(step),
                                                                       .decay = 0.999f,
                                                                       .bias_decay = 0.998f}};
                for (uint32_t k = 1; k < CPS_BLOCK_STREAMS; k++)
                    streams[k] = (struct cps_block_stream){.ratings = blank,
                                                           .end = blank + 1,
                                                           .users = zeroes,
                                                           .movies = zeroes,
                                                           .decay = 1,
                                                           .bias_decay = 1};
                cps_block_kernels_scalar.train(rule, streams, CPS_BLOCK_STREAMS, 1,
                                               &(struct cps_block_supply){.stop = false});
                losses[step] += streams[0].loss;
            }
        }
}

static uint32_t movies_in(const struct cps_hand *hand)
{
    bool found[BLOCKS] = {false};
    uint32_t count = 0;
    for (uint32_t i = 0; i < hand->held; i++)
        found[hand->blocks[hand->queue[i]].movie] = true;
    for (uint32_t j = 0; j < BLOCKS; j++)
        count += found[j];
    return count;
}

/* Takes blocks in hand whenever the blocks before them are, in an order that follows from seed. */
static void train_in_hand(struct cps_hand *hand, uint32_t seed, int64_t *losses)
{
    uint64_t user_step[BLOCKS] = {0}, movie_step[BLOCKS] = {0}, draw = 0;
    uint32_t done = 0;
    uint32_t most = 1 + (uint32_t)test_below(seed, 1, CPS_HAND_MOST);
    while (done < STEPS * BLOCKS) {
        uint32_t start = (uint32_t)test_below(seed, 100 + draw++, BLOCKS), run = 1 + (uint32_t)(draw % 4);
        for (uint32_t k = 0; k < BLOCKS * run && hand->held < most; k++) {
            uint32_t i = (start + k / run) % BLOCKS, j = (uint32_t)((i + user_step[i]) % BLOCKS);
            uint64_t step = user_step[i];
            if (step == STEPS || movie_step[j] != step)
                continue;
            cps_hand_add(hand, &(struct cps_hand_block){.user = i,
                                                        .movie = j,
                                                        .step = step,
                                                        .users = users[i],
                                                        .movies = movies[j],
                                                        .rate = rate_of(step),
                                                        .decay = 0.999f,
                                                        .bias_decay = 0.998f});
            user_step[i]++;
            movie_step[j]++;
        }
        struct cps_hand_block block;
        bool any = false;
        for (; cps_hand_take_done(hand, &block); done++, any = true)
            losses[block.step] += (int64_t)(block.squared >> 24);
        if (!any && hand->held > 0)
            cps_hand_train(hand, movies_in(hand));
    }
    assert_int_equal(hand->held, 0);
}

static void blocks_in_hand_train_as_if_in_order(void **state)
{
    (void)state;
    const struct cps_plan plan = {
        .model = CPS_MODEL_BIAS, .factors = 50, .has_range = true, .range_high = 5.5f, .gradient_bits = 40};
    const struct cps_block_rule rule = cps_block_rule_of(&plan);
    const struct cps_order order = {
        .blocks = {.count = BLOCKS}, .block_count = BLOCKS, .train = {.first = first, .row = rows}};
    static const enum cps_isa isas[] = {CPS_ISA_SCALAR, CPS_ISA_AUTO};
    for (uint32_t seed = 0; seed < 60; seed++) {
        const struct cps_kernels *kernels;
        int64_t want[STEPS] = {0}, got[STEPS] = {0};
        assert_int_equal(cps_kernels_select(isas[seed % 2], &kernels), CPS_OK);
        const struct cps_hand_work work = {.plan = &plan,
                                           .rule = &rule,
                                           .order = &order,
                                           .kernels = cps_block_kernels_of(kernels),
                                           .blank = blank};
        struct cps_hand *hand = calloc(1, sizeof *hand);
        assert_non_null(hand);
        fill(&rule, 1000 * seed);
        cps_hand_init(hand, &work, zeroes);
        train_in_order(&rule, want);
        train_in_hand(hand, 1000 * seed + 7, got);
        free(hand);
        check_int(memcmp(users, want_users, sizeof users), 0, "seed %u: rows of users", (unsigned)seed);
        check_int(memcmp(movies, want_movies, sizeof movies), 0, "seed %u: rows of movies", (unsigned)seed);
        for (uint32_t step = 0; step < STEPS; step++)
            check_int(got[step], want[step], "seed %u: errors of step %u", (unsigned)seed, step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_in_hand_train_as_if_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
