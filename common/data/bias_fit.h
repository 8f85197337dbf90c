/*
 * Biases fitted to the training ratings of all ranks in closed form, on all of them or on those outside of one
 * part: what baselines.c and penalty_search.c have in common. See baselines.h for the method.
 *
 * All ratings of a user are in one shard, those of a movie in many. So sums per movie are reduced over all
 * ranks, sums per user are local, and each round costs one reduction of one number per movie. Ratings and
 * biases are rounded to units first, so that a round is one addition of integers per rating.
 */
#ifndef CPS_DATA_BIAS_FIT_H
#define CPS_DATA_BIAS_FIT_H

#include "common/data/baselines.h"
#include "common/model/exact.h"

/* Values that one rank contributes and all ranks need first, exchanged as sums with one nonzero term. */
enum cps_fit_header {
    CPS_FIT_USER_ROWS,
    CPS_FIT_MOVIE_ROWS,
    CPS_FIT_TRAIN_COUNT,
    CPS_FIT_VALID_COUNT,
    CPS_FIT_RATING_SUM,
    CPS_FIT_UNIT_BITS,
    CPS_FIT_BATCH_SIZE,
    CPS_FIT_HAS_RANGE, /* 0, or one of the following */
    CPS_FIT_RANGE,     /* two floats */
    CPS_FIT_HEADER
};

enum { CPS_RANGE_STAYS = 1, CPS_RANGE_MAY_WIDEN };

/* Numbers of ratings 0, 1, 2, 3 to 4, 5 to 8, … */
enum { CPS_LEVELS = 40 };

/* The rows of one table. Whole units, so that a sweep adds nothing but integers, in any order. */
struct cps_bias_side {
    size_t rows;
    int64_t *above, *unit; /* what its ratings are above the mean, summed; the bias, in units */
    int64_t *sum;          /* of a sweep */
    double *bias;
    uint64_t *count;          /* ratings */
    double level[CPS_LEVELS]; /* toward which biases of rows with so many ratings shrink */
};

struct cps_bias_fit {
    const struct cps_dataset *const *shards;
    size_t count;
    const struct cps_rank_sums *sums;
    uint64_t header[CPS_FIT_HEADER];
    double scale, mean;                 /* sums are in units of 1/scale */
    struct cps_bias_side users, movies; /* movies: over all ranks, users: of this one's shards */
    uint64_t *exchanged;                /* [2 movies] */
    double user_penalty, movie_penalty;
    bool leveled; /* biases shrink toward levels, else toward 0 */
    uint64_t seed;
    uint8_t **part; /* [count][train ratings]: each one's part in cross-validation; NULL: none */
    uint8_t held;   /* the part left out of a fit */
};

/* A sum of squared errors, and how many of them were too large to count. */
struct cps_error_sum {
    cps_int128 sum;
    uint64_t out_of_range;
};

/* Whether a rating is left out of the fit. */
static inline bool cps_bias_fit_holds(const struct cps_bias_fit *self, size_t shard, uint64_t rating)
{
    return self->part && self->part[shard][rating] == self->held;
}

/* The slope of predictions over scores at the mean, in the range or the widened one. */
double cps_bias_fit_slope(const struct cps_bias_fit *self, bool widened);

/* The level of a row with count ratings. */
unsigned cps_level_of(uint64_t count);

/* What the ranks exchange first, and the mean. Collective. */
enum cps_status cps_bias_fit_begin(struct cps_bias_fit *self, const struct cps_dataset *overview,
                                   const struct cps_penalty_search *search);

enum cps_status cps_bias_fit_make_room(struct cps_bias_fit *self);
void cps_bias_fit_release(struct cps_bias_fit *self);

/* Counts the ratings of each row and sums how far they lie above the mean, as each fit needs it. Collective. */
enum cps_status cps_bias_fit_count(struct cps_bias_fit *self);

/* Fits users.bias and movies.bias. Collective. */
enum cps_status cps_bias_fit_run(struct cps_bias_fit *self, double user_penalty, double movie_penalty,
                                 int sweeps);

/* Writes the biases of all users, of this rank or not, and then those of all movies to
 * biases[user rows + movie rows]; of a leveled fit on all training ratings. Collective. */
enum cps_status cps_bias_fit_share(struct cps_bias_fit *self, double *biases);

/* Adds the square of error. */
void cps_error_sum_add(struct cps_error_sum *self, double error);

/* The sums over all ranks. in_range: no error was too large. Collective. */
enum cps_status cps_error_sums_share(const struct cps_bias_fit *self, const struct cps_error_sum *sums,
                                     size_t count, double *losses, bool *in_range);

#endif
