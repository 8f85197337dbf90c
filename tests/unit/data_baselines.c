/* The baselines against a plain fit in double, and the same bits however ratings lie on ranks. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/data/baselines.h"
#include "tests/unit/roles.h"

enum { USERS = 40, MOVIES = 30, TRAIN = 900, VALID = 200, MOST_RANKS = 4 };

struct rating {
    uint32_t user, movie;
    float value;
};

static struct rating train[TRAIN], valid[VALID];

static void draw(struct rating *out, uint32_t count, uint32_t seed, float scale)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i].user = 1 + (uint32_t)test_below(seed, 3 * i, USERS - 1);
        out[i].movie = 1 + (uint32_t)test_below(seed, 3 * i + 1, MOVIES - 1);
        out[i].value =
            scale * (float)(1 + out[i].user / 20 + out[i].movie / 15 + test_below(seed, 3 * i + 2, 3));
    }
}

/* The shard's samples; the rest as every rank knows it. */
static struct cps_dataset shard_of(uint32_t shard, uint32_t shards, float scale)
{
    struct cps_dataset set = {
        .train_count = TRAIN, .valid_count = VALID, .rating_min = scale, .rating_max = 5 * scale};
    set.users.rows = USERS;
    set.movies.rows = MOVIES;
    for (int part = 0; part < 2; part++) {
        struct cps_samples *samples = part ? &set.valid : &set.train;
        uint32_t count = part ? VALID : TRAIN;
        const struct rating *all = part ? valid : train;
        samples->user = calloc(count, sizeof *samples->user);
        samples->movie = calloc(count, sizeof *samples->movie);
        samples->rating = calloc(count, sizeof *samples->rating);
        for (uint32_t i = 0; i < count; i++) {
            if (all[i].user % shards != shard)
                continue;
            samples->user[samples->count] = all[i].user;
            samples->movie[samples->count] = all[i].movie;
            samples->rating[samples->count++] = all[i].value;
        }
    }
    return set;
}

static void free_shard(struct cps_dataset *set)
{
    for (int part = 0; part < 2; part++) {
        struct cps_samples *samples = part ? &set->valid : &set->train;
        free(samples->user);
        free(samples->movie);
        free(samples->rating);
    }
}

/* Ranks are threads that add up under a lock. */
static struct job {
    uint32_t ranks;
    pthread_barrier_t barrier;
    pthread_mutex_t lock;
    uint64_t sum[9 * MOVIES];
} job;

static enum cps_status add(void *context, uint64_t *values, size_t count)
{
    (void)context;
    pthread_barrier_wait(&job.barrier);
    pthread_mutex_lock(&job.lock);
    for (size_t i = 0; i < count; i++)
        job.sum[i] += values[i];
    pthread_mutex_unlock(&job.lock);
    pthread_barrier_wait(&job.barrier);
    memcpy(values, job.sum, count * sizeof *values);
    if (pthread_barrier_wait(&job.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
        memset(job.sum, 0, sizeof job.sum);
    pthread_barrier_wait(&job.barrier);
    return CPS_OK;
}

struct rank {
    const struct cps_dataset *shards[MOST_RANKS];
    size_t count;
    const struct cps_dataset *overview;
    bool searches; /* for a penalty */
    struct cps_baselines found;
    double *biases; /* that a model can start from */
};

/* Those of the last fit with a search. */
static double biases[USERS + MOVIES];

static void *fit(void *context)
{
    struct rank *rank = context;
    const struct cps_rank_sums sums = {.add = add};
    static const struct cps_penalty_search search = {.below_ratings_a_row = UINT32_MAX,
                                                     .seed = 7,
                                                     .batch_size = 16,
                                                     .has_range = true,
                                                     .may_widen = true,
                                                     .range_low = 0,
                                                     .range_high = 5.5f};
    return cps_baselines_fit(rank->shards, rank->count, rank->overview, &sums, rank->searches ? &search : NULL,
                             &rank->found, &rank->biases) == CPS_OK
               ? rank
               : NULL;
}

/* `workers` shards over `ranks` ranks, the first of which holds none when there are more ranks than shards. */
static struct cps_baselines fit_over(uint32_t ranks, uint32_t workers, float scale, bool searches)
{
    struct cps_dataset shards[MOST_RANKS];
    struct rank rank[MOST_RANKS] = {0};
    pthread_t thread[MOST_RANKS];
    job.ranks = ranks;
    pthread_barrier_init(&job.barrier, NULL, ranks);
    pthread_mutex_init(&job.lock, NULL);
    for (uint32_t w = 0; w < workers; w++) {
        struct rank *holder = &rank[ranks > workers ? w + 1 : w % ranks];
        shards[w] = shard_of(w, workers, scale);
        holder->shards[holder->count++] = &shards[w];
    }
    rank[0].overview = &shards[0];
    for (uint32_t r = 0; r < ranks; r++)
        rank[r].searches = searches;
    for (uint32_t r = 0; r < ranks; r++)
        pthread_create(&thread[r], NULL, fit, &rank[r]);
    for (uint32_t r = 0; r < ranks; r++) {
        void *done;
        pthread_join(thread[r], &done);
        assert_non_null(done);
        assert_memory_equal(&rank[r].found, &rank[0].found, sizeof rank[0].found);
        assert_int_equal(rank[r].biases != NULL, searches);
        if (searches)
            assert_memory_equal(rank[r].biases, rank[0].biases, sizeof biases);
    }
    if (searches)
        memcpy(biases, rank[0].biases, sizeof biases);
    for (uint32_t r = 0; r < ranks; r++)
        free(rank[r].biases);
    for (uint32_t w = 0; w < workers; w++)
        free_shard(&shards[w]);
    pthread_barrier_destroy(&job.barrier);
    pthread_mutex_destroy(&job.lock);
    return rank[0].found;
}

static double plain_error(const double *user, const double *movie, double mean, const struct rating *rating)
{
    return (double)rating->value - mean - user[rating->user] - movie[rating->movie];
}

/* One half of a round: new biases of one side from what the other leaves. */
static void plain_half(double *fitted, const double *user, const double *movie, double mean, bool by_user)
{
    double sum[USERS + MOVIES] = {0}, count[USERS + MOVIES] = {0};
    for (uint32_t i = 0; i < TRAIN; i++) {
        uint32_t row = by_user ? train[i].user : train[i].movie;
        sum[row] += plain_error(user, movie, mean, &train[i]) + fitted[row];
        count[row]++;
    }
    for (uint32_t row = 0; row < (by_user ? USERS : MOVIES); row++)
        fitted[row] = sum[row] / (count[row] + CPS_BASELINE_PENALTY);
}

static void they_are_those_of_a_plain_fit(void **state)
{
    (void)state;
    static const float scales[] = {1.0f, 0.25f, 200000.0f};
    for (size_t s = 0; s < COUNT_OF(scales); s++) {
        double user[USERS] = {0}, movie[MOVIES] = {0}, mean = 0, of_mean = 0, of_biases = 0;
        double square = (double)scales[s] * (double)scales[s];
        draw(train, TRAIN, 3, scales[s]);
        draw(valid, VALID, 4, scales[s]);
        for (uint32_t i = 0; i < TRAIN; i++)
            mean += (double)train[i].value / TRAIN;
        for (int sweep = 0; sweep < CPS_BASELINE_SWEEPS; sweep++) {
            plain_half(movie, user, movie, mean, false);
            plain_half(user, user, movie, mean, true);
        }
        for (uint32_t i = 0; i < VALID; i++) {
            of_mean += pow((double)valid[i].value - mean, 2) / VALID;
            of_biases += pow(plain_error(user, movie, mean, &valid[i]), 2) / VALID;
        }
        struct cps_baselines found = fit_over(1, 1, scales[s], false);
        assert_true(found.has_losses);
        check_near(found.mean / (double)scales[s], mean / (double)scales[s], 1e-9, "mean");
        check_near(found.mean_loss / square, of_mean / square, 1e-6, "loss of the mean");
        check_near(found.biases_loss / square, of_biases / square, 1e-6, "loss of the biases");
        assert_true(of_biases < of_mean);
    }
}

static void ranks_change_no_bit(void **state)
{
    (void)state;
    static const uint32_t shapes[][2] = {{1, 3}, {2, 1}, {2, 2}, {2, 4}, {3, 3}, {4, 3}, {4, 1}};
    draw(train, TRAIN, 5, 1.0f);
    draw(valid, VALID, 6, 1.0f);
    const struct cps_baselines want = fit_over(1, 1, 1.0f, true), plain = fit_over(1, 1, 1.0f, false);
    assert_true(want.user_penalty > 0 && want.movie_penalty > 0);
    check_near(plain.user_penalty, 0, 0, "penalty that nobody asked for");
    check_near(want.biases_loss, plain.biases_loss, 0, "loss of the biases, searched or not");
    for (size_t s = 0; s < COUNT_OF(shapes); s++) {
        const struct cps_baselines got = fit_over(shapes[s][0], shapes[s][1], 1.0f, true);
        assert_memory_equal(&got, &want, sizeof want);
    }
}

/* Ratings that no user and no movie has a part in want the largest penalty there is, those with nothing else a
 * small one. */
static void the_penalty_follows_the_noise(void **state)
{
    (void)state;
    draw(train, TRAIN, 5, 1.0f);
    draw(valid, VALID, 6, 1.0f);
    double mixed = fit_over(1, 1, 1.0f, true).user_penalty;
    for (uint32_t i = 0; i < TRAIN; i++)
        train[i].value = (float)(1 + test_below(9, i, 5));
    double noise = fit_over(1, 1, 1.0f, true).user_penalty;
    for (uint32_t i = 0; i < TRAIN; i++)
        train[i].value = (float)(1 + train[i].user / 20 + train[i].movie / 15);
    double effects = fit_over(1, 1, 1.0f, true).user_penalty;
    check_near(effects, 1, 0, "penalty without noise");
    assert_true(effects <= mixed && mixed < noise);
}

/* Where only users differ, the penalty on movies is the larger; and the other way round. */
static void users_and_movies_have_penalties_of_their_own(void **state)
{
    (void)state;
    for (int users_differ = 0; users_differ < 2; users_differ++) {
        draw(train, TRAIN, 5, 1.0f);
        draw(valid, VALID, 6, 1.0f);
        for (uint32_t i = 0; i < TRAIN; i++) {
            uint32_t row = users_differ ? train[i].user : train[i].movie;
            train[i].value = (float)(1 + 2 * (row % 3) + test_below(9, i, 3));
        }
        const struct cps_baselines found = fit_over(2, 2, 1.0f, true);
        double of_those = users_differ ? found.user_penalty : found.movie_penalty;
        double of_others = users_differ ? found.movie_penalty : found.user_penalty;
        assert_true(of_those < 3 && of_others > 6);
    }
}

/* A sigmoid bends the sum of two biases: that harms ratings which are such a sum, and helps where a good movie
 * is as good for a user who likes all. */
static void a_range_that_harms_is_found(void **state)
{
    (void)state;
    draw(train, TRAIN, 5, 1.0f);
    draw(valid, VALID, 6, 1.0f);
    for (uint32_t i = 0; i < TRAIN; i++)
        train[i].value = 5.0f - 1.6f * (float)(train[i].user % 3) - 1.6f * (float)(train[i].movie % 2);
    assert_true(fit_over(1, 1, 1.0f, true).wants_wider);
    for (uint32_t i = 0; i < TRAIN; i++)
        train[i].value = train[i].user % 2 || train[i].movie % 2 ? 5.0f : 1.0f;
    assert_false(fit_over(1, 1, 1.0f, true).wants_wider);
}

/* Every error is about 1, whatever is fitted, and the busiest user and movie are known. */
static void noise_is_errors_times_the_busiest_rows(void **state)
{
    (void)state;
    uint32_t users[USERS] = {0}, movies[MOVIES] = {0}, user = 0, movie = 0;
    draw(train, TRAIN, 5, 1.0f);
    draw(valid, VALID, 6, 1.0f);
    for (uint32_t i = 0; i < TRAIN; i++) {
        train[i].value = test_below(9, i, 2) ? 4.0f : 2.0f;
        users[train[i].user]++;
        movies[train[i].movie]++;
    }
    for (uint32_t row = 0; row < USERS; row++)
        user = users[row] > user ? users[row] : user;
    for (uint32_t row = 0; row < MOVIES; row++)
        movie = movies[row] > movie ? movies[row] : movie;
    double noise = fit_over(3, 3, 1.0f, true).noise;
    check_near(noise / (sqrt(user) + sqrt(movie)), 1.0, 0.05, "root mean square of the errors");
}

/* A third of the movies has most of the ratings, and these are high; the others have one or two; the last movie
 * has none. */
static void biases_shrink_toward_those_of_rows_with_as_many_ratings(void **state)
{
    (void)state;
    uint32_t last = MOVIES - 1, few = MOVIES / 3;
    draw(train, TRAIN, 5, 1.0f);
    draw(valid, VALID, 6, 1.0f);
    for (uint32_t i = 0; i < TRAIN; i++) {
        bool popular = i >= 2 * (last - few);
        train[i].movie = popular ? 1 + train[i].movie % (few - 1) : few + i % (last - few);
        train[i].value = (popular ? 4.0f : 1.0f) + (float)test_below(9, i, 2);
    }
    for (uint32_t i = 0; i < TRAIN; i++)
        train[i].user = train[i].user < USERS - 1 ? train[i].user : 1;
    for (uint32_t i = 0; i < VALID; i += 10)
        valid[i].user = USERS - 1; /* has no ratings to train on */
    double plain = fit_over(1, 1, 1.0f, false).biases_loss;
    const struct cps_baselines found = fit_over(2, 3, 1.0f, true);
    assert_true(found.leveled);
    check_near(found.biases_loss, plain, 0, "the loss of biases that shrink toward 0");
    double unseen = biases[USERS + last], seen = 0;
    for (uint32_t movie = few; movie < last; movie++)
        seen += biases[USERS + movie] / (last - few);
    assert_true(seen < -2 && unseen < -1);
    assert_true(biases[USERS + 1] > -0.5);
    check_near(biases[USERS], unseen, 0, "the bias of '#na#'");
}

/* Taste for one of two kinds of movies is worth factors, noise is not. */
static void factors_are_worth_it_or_not(void **state)
{
    (void)state;
    for (int taste = 0; taste < 2; taste++) {
        draw(train, TRAIN, 5, 1.0f);
        draw(valid, VALID, 6, 1.0f);
        for (uint32_t i = 0; i < TRAIN; i++) {
            bool liked = (train[i].user + train[i].movie) % 2;
            train[i].value = (float)((taste && liked ? 3 : 1) + test_below(9, i, 3));
        }
        const struct cps_baselines found = fit_over(2, 2, 1.0f, true);
        if (taste)
            assert_true(found.factor_penalty <= 0.3 * found.noise);
        else
            check_near(found.factor_penalty, found.noise, 0, "penalty where there is nothing to find");
    }
}

static void without_validation_there_is_a_mean_alone(void **state)
{
    (void)state;
    draw(train, TRAIN, 5, 1.0f);
    struct cps_dataset set = shard_of(0, 1, 1.0f);
    struct rank rank = {.shards = {&set}, .count = 1, .overview = &set};
    set.valid_count = set.valid.count = 0;
    pthread_barrier_init(&job.barrier, NULL, 1);
    pthread_mutex_init(&job.lock, NULL);
    assert_non_null(fit(&rank));
    assert_false(rank.found.has_losses);
    assert_in_range((uint64_t)(rank.found.mean * 1000), 2000, 4000);
    free_shard(&set);
    pthread_barrier_destroy(&job.barrier);
    pthread_mutex_destroy(&job.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_those_of_a_plain_fit),
        cmocka_unit_test(ranks_change_no_bit),
        cmocka_unit_test(the_penalty_follows_the_noise),
        cmocka_unit_test(users_and_movies_have_penalties_of_their_own),
        cmocka_unit_test(a_range_that_harms_is_found),
        cmocka_unit_test(noise_is_errors_times_the_busiest_rows),
        cmocka_unit_test(biases_shrink_toward_those_of_rows_with_as_many_ratings),
        cmocka_unit_test(factors_are_worth_it_or_not),
        cmocka_unit_test(without_validation_there_is_a_mean_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
