/*
 * The synthetic set; see synth.h. build.c uses it instead of a file, synth_write.c writes it to
 * files.
 */
#include "common/synth/synth.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/base/permutation.h"
#include "common/base/random.h"

/* Modelled on MovieLens-100k: mean 3.5, variance 1.2, 20 to several hundred ratings per user, and the
 * bias model with 50 factors overfits after two epochs without weight decay. Changing a value changes the
 * set. */
#define RANK 6
#define MEAN 3.6
#define USER_SD 0.45
#define MOVIE_SD 0.62
#define FACTOR_SD 0.40
#define NOISE_SD 0.84
#define ACTIVITY_SD 1.0
#define MIN_RATINGS_PER_USER 20
/* Mandelbrot's q is the movies divided by this: the top one of 1,682 movies then has
 * about 0.6% of the draws, the last a hundredth of that. */
#define ZIPF_SPREAD 9.0

/* They determine the set: never renumber them. */
enum purpose {
    PURPOSE_ACTIVITY = CPS_RANDOM_SYNTH,
    PURPOSE_USER_BIAS,
    PURPOSE_MOVIE_BIAS,
    PURPOSE_USER_FACTOR,
    PURPOSE_MOVIE_FACTOR,
    PURPOSE_POPULARITY, /* which id has which rank */
    PURPOSE_COVERAGE,   /* which user rates a movie for certain */
    PURPOSE_DRAW,
    PURPOSE_REST, /* order of the remaining movies for a user who has rated nearly all */
};

struct cps_synth {
    struct cps_synth_spec spec;
    uint32_t *count;      /* ratings of each user, from user 1 at 0 */
    float *movie_bias;    /* by id - 1, like the arrays below */
    float *movie_factors; /* movies · RANK */
    uint32_t *taken_in;   /* the last call that took a movie */
    struct cps_synth_rating *ratings;
    uint32_t rating_count;
    struct cps_permutation popularity, coverage;
    /* The current user. */
    uint32_t user, call;
    uint64_t draws;
    float user_bias, user_factors[RANK];
};

const struct cps_synth_spec cps_synth_builtin = {.users = 943, .movies = 1682, .ratings = 100000, .seed = 1};

void cps_synth_destroy(struct cps_synth **self)
{
    if (!*self)
        return;
    free((*self)->count);
    free((*self)->movie_bias);
    free((*self)->movie_factors);
    free((*self)->taken_in);
    free((*self)->ratings);
    free(*self);
    *self = NULL;
}

static enum cps_status check(const struct cps_synth_spec *spec)
{
    if (spec->users == 0 || spec->movies == 0 || spec->ratings == 0)
        return cps_fail(CPS_ERR_USAGE, "a synthetic set needs at least one user, one movie and one rating");
    if (spec->users == UINT32_MAX || spec->movies == UINT32_MAX || spec->ratings > UINT32_MAX)
        return cps_fail(CPS_ERR_USAGE, "a synthetic set has at most %u users, %u movies and %u ratings",
                        UINT32_MAX - 1, UINT32_MAX - 1, UINT32_MAX);
    uint64_t pairs = (uint64_t)spec->users * spec->movies;
    if (spec->ratings > pairs)
        return cps_fail(CPS_ERR_USAGE,
                        "%" PRIu64 " ratings are more than %u users · %u movies = %" PRIu64 " pairs",
                        spec->ratings, spec->users, spec->movies, pairs);
    return CPS_OK;
}

/* Fills the counts up to exactly the ratings asked for, one round of equal shares after
 * another, no user above the number of movies. */
static void deal_remainder(struct cps_synth *self, uint64_t left)
{
    while (left > 0) {
        uint64_t share = left / self->spec.users + 1;
        for (uint32_t u = 0; u < self->spec.users && left > 0; u++) {
            uint64_t give = self->spec.movies - self->count[u];
            give = give < share ? give : share;
            give = give < left ? give : left;
            self->count[u] += (uint32_t)give;
            left -= give;
        }
    }
}

/* The number of ratings of each user: a base for all, the rest in log-normal shares. */
static enum cps_status deal_counts(struct cps_synth *self)
{
    const struct cps_synth_spec *spec = &self->spec;
    double *weight, total = 0;
    CPS_TRY(cps_alloc("the synthetic set", spec->users, sizeof *weight, &weight));
    for (uint32_t u = 0; u < spec->users; u++) {
        weight[u] = cps_exp(ACTIVITY_SD * cps_random_normal(spec->seed, PURPOSE_ACTIVITY, u));
        total += weight[u];
    }
    uint64_t base = spec->ratings / spec->users;
    if (base > MIN_RATINGS_PER_USER)
        base = MIN_RATINGS_PER_USER;
    uint64_t shared = spec->ratings - base * spec->users, left = spec->ratings;
    for (uint32_t u = 0; u < spec->users; u++) {
        double count = (double)base + (double)shared * (weight[u] / total);
        self->count[u] = count < (double)spec->movies ? (uint32_t)count : spec->movies;
        /* Except for rounding in the last bit, the products cannot exceed the total. */
        if (self->count[u] > left)
            self->count[u] = (uint32_t)left;
        left -= self->count[u];
    }
    free(weight);
    deal_remainder(self, left);
    return CPS_OK;
}

static enum cps_status make_movies(struct cps_synth *self)
{
    const struct cps_synth_spec *spec = &self->spec;
    CPS_TRY(cps_alloc("the synthetic set", spec->movies, sizeof *self->movie_bias, &self->movie_bias));
    CPS_TRY(cps_alloc("the synthetic set", (size_t)spec->movies * RANK, sizeof *self->movie_factors,
                      &self->movie_factors));
    CPS_TRY(cps_alloc("the synthetic set", spec->movies, sizeof *self->taken_in, &self->taken_in));
    for (uint32_t m = 0; m < spec->movies; m++) {
        self->movie_bias[m] = (float)(MOVIE_SD * cps_random_normal(spec->seed, PURPOSE_MOVIE_BIAS, m));
        for (uint32_t k = 0; k < RANK; k++)
            self->movie_factors[(size_t)m * RANK + k] =
                (float)(FACTOR_SD *
                        cps_random_normal(spec->seed, PURPOSE_MOVIE_FACTOR, (uint64_t)m * RANK + k));
    }
    return CPS_OK;
}

static enum cps_status make(struct cps_synth *self)
{
    const struct cps_synth_spec *spec = &self->spec;
    CPS_TRY(cps_alloc("the synthetic set", spec->users, sizeof *self->count, &self->count));
    CPS_TRY(deal_counts(self));
    uint32_t most = 0;
    for (uint32_t u = 0; u < spec->users; u++)
        most = self->count[u] > most ? self->count[u] : most;
    CPS_TRY(cps_alloc("the synthetic set", most, sizeof *self->ratings, &self->ratings));
    CPS_TRY(make_movies(self));
    cps_permutation_init(&self->popularity, spec->seed, PURPOSE_POPULARITY, 0, spec->movies);
    cps_permutation_init(&self->coverage, spec->seed, PURPOSE_COVERAGE, 0, spec->movies);
    return CPS_OK;
}

enum cps_status cps_synth_create(const struct cps_synth_spec *spec, struct cps_synth **out)
{
    struct cps_synth *self;
    CPS_TRY(check(spec));
    CPS_TRY(cps_alloc("the synthetic set", 1, sizeof *self, &self));
    self->spec = *spec;
    enum cps_status status = make(self);
    if (status != CPS_OK) {
        cps_synth_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

/* Approximately normal with variance 1: the sum of four 16-bit uniforms (Irwin and Hall), whose
 * variance is a third. */
static double noise(uint32_t a, uint32_t b)
{
    uint32_t sum = (a & 0xFFFF) + (a >> 16) + (b & 0xFFFF) + (b >> 16);
    return (sum * 0x1p-16 - 2.0) * 1.7320508075688772;
}

static uint32_t rate(const struct cps_synth *self, uint32_t movie, double error)
{
    const float *factors = self->movie_factors + (size_t)movie * RANK;
    double value = MEAN + self->user_bias + self->movie_bias[movie] + NOISE_SD * error;
    for (int k = 0; k < RANK; k++)
        value += self->user_factors[k] * factors[k];
    return value < 1.5 ? 1 : value >= 4.5 ? 5 : (uint32_t)(value + 0.5);
}

/* Adds a movie, numbered from 0, to the current user; false if the user has it already. */
static bool take(struct cps_synth *self, uint32_t movie, const uint32_t words[4])
{
    if (self->taken_in[movie] == self->call)
        return false;
    self->taken_in[movie] = self->call;
    self->ratings[self->rating_count++] = (struct cps_synth_rating){
        .movie = movie + 1,
        .rating = rate(self, movie, noise(words[2], words[3])),
    };
    return true;
}

static void draw_words(struct cps_synth *self, uint32_t words[4])
{
    cps_random_block(self->spec.seed, PURPOSE_DRAW, (uint64_t)self->user << 32 | self->draws++, words);
}

/* By inversion of the continuous distribution with density ~ 1/(x + q)² on [0, movies). */
static uint32_t draw_movie(const struct cps_synth *self, uint32_t word)
{
    double movies = self->spec.movies, q = movies / ZIPF_SPREAD;
    double uniform = (word + 0.5) * 0x1p-32;
    double x = q / (1.0 - uniform * (movies / (movies + q))) - q;
    uint32_t rank = x < movies - 1 ? (uint32_t)x : self->spec.movies - 1;
    return (uint32_t)cps_permutation_forward(&self->popularity, rank);
}

/* Adds the movies assigned to this user so that every movie has a rating. */
static void take_assigned(struct cps_synth *self, uint32_t wanted)
{
    for (uint64_t j = self->user - 1; j < self->spec.movies && self->rating_count < wanted;
         j += self->spec.users) {
        uint32_t words[4];
        draw_words(self, words);
        take(self, (uint32_t)cps_permutation_forward(&self->coverage, j), words);
    }
}

static void take_popular(struct cps_synth *self, uint32_t wanted)
{
    /* For a user who rates nearly all movies, random draws would take too long to find the last ones. */
    uint64_t limit = self->draws + 8 * (uint64_t)wanted + 64;
    while (self->rating_count < wanted && self->draws < limit) {
        uint32_t words[4];
        draw_words(self, words);
        take(self, draw_movie(self, words[0]), words);
    }
}

static void take_rest(struct cps_synth *self, uint32_t wanted)
{
    struct cps_permutation order;
    cps_permutation_init(&order, self->spec.seed, PURPOSE_REST, self->user, self->spec.movies);
    for (uint64_t j = 0; self->rating_count < wanted; j++) {
        uint32_t words[4];
        draw_words(self, words);
        take(self, (uint32_t)cps_permutation_forward(&order, j), words);
    }
}

const struct cps_synth_rating *cps_synth_user(struct cps_synth *self, uint32_t user, uint32_t *count)
{
    uint64_t seed = self->spec.seed;
    uint32_t wanted = self->count[user - 1];
    self->user = user;
    self->call++;
    self->draws = 0;
    self->rating_count = 0;
    self->user_bias = (float)(USER_SD * cps_random_normal(seed, PURPOSE_USER_BIAS, user));
    for (uint32_t k = 0; k < RANK; k++)
        self->user_factors[k] =
            (float)(FACTOR_SD * cps_random_normal(seed, PURPOSE_USER_FACTOR, (uint64_t)user * RANK + k));
    take_assigned(self, wanted);
    take_popular(self, wanted);
    if (self->rating_count < wanted)
        take_rest(self, wanted);
    *count = wanted;
    return self->ratings;
}

size_t cps_synth_title(const struct cps_synth_spec *spec, uint32_t movie, char out[CPS_SYNTH_TITLE_BYTES])
{
    int digits = snprintf(NULL, 0, "%u", spec->movies);
    int length = snprintf(out, CPS_SYNTH_TITLE_BYTES, "Movie %0*u", digits < 4 ? 4 : digits, movie);
    return (size_t)length;
}
