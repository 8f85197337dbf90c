/*
 * Baselines: the validation losses of two predictors that need no training.
 *
 *   mean     the mean of all training ratings
 *   biases   mean + b_user + b_movie, where the b minimise the squared error over the training ratings plus
 *            CPS_BASELINE_PENALTY times the sum of all b² (ridge regression), found by CPS_BASELINE_SWEEPS
 *            rounds over movies and users in turn (Koren, "Factorization meets the neighborhood", KDD 2008,
 *            section 2.1). A user or movie without training ratings has b = 0.
 *
 * The penalties that are best for a set depend on how much users and movies differ and how noisy ratings are.
 * Where they are asked for, they are found on the training ratings alone, by cross-validation: these are cut
 * into five parts, by pair of user and movie, and biases fitted to four parts predict the fifth, each in its
 * turn (of very many ratings, only one part). The penalty is first the same for users and movies, then each is
 * varied while that lowers the sum of squared errors. The same errors tell whether predictions that a sigmoid
 * squeezes into the range are worse than mean + biases without one, so that a wider range is better. And their
 * root mean square times (√n_user + √n_movie), where n are the most ratings of any user and any movie, is about
 * the largest singular value of a matrix that has such errors, independent of each other, where the ratings are
 * (Bandeira and van Handel, "Sharp nonasymptotic bounds on the norm of random matrices with independent
 * entries", Annals of Probability 44 (2016), theorem 1.1): factors with a penalty of that order explain what is
 * above the noise. Which multiple of it is best, if any factors are worth it, is found by cross-validation as
 * well (factor_search.h).
 *
 * Popular movies are liked better, and busy users are more critical, or the other way round. So biases that a
 * model starts from shrink not toward 0 but toward a level that rows with about as many ratings have in common,
 * where that predicts better: b = level + (sum of what is left - n·level)/(n + penalty) for n ratings. Levels
 * are for 1, 2, 3 to 4, 5 to 8, … ratings, and each is a mean over rows, weighted by n/(n + penalty), as in a
 * random-effects model, and of one row more that has the level for more ratings; so rows without ratings have
 * the level for one.
 *
 * All sums are integer sums, so the results do not depend on how ratings are distributed over ranks.
 */
#ifndef CPS_DATA_BASELINES_H
#define CPS_DATA_BASELINES_H

#include "common/data/dataset.h"

#define CPS_BASELINE_PENALTY 3.0
#define CPS_BASELINE_SWEEPS 5

struct cps_baselines {
    uint64_t train_count;               /* ratings to train on, over all ranks */
    uint64_t rows;                      /* of users and movies, '#na#' included */
    double user_penalty, movie_penalty; /* that were found; 0 where none were looked for */
    bool wants_wider;                   /* a search found that the range does harm */
    bool leveled;                       /* biases shrink toward levels */
    double noise;                       /* found by a search: the norm of a matrix of errors, see above */
    double factor_penalty;              /* found by a search */
    double mean;                        /* of the training ratings */
    bool has_losses;                    /* false without validation ratings, or beyond the range of losses */
    double mean_loss, biases_loss;      /* mean squared errors over the validation ratings */
};

/* Replaces values[count] by their sums over all ranks, modulo 2^64. Collective. */
struct cps_rank_sums {
    void *context;
    enum cps_status (*add)(void *context, uint64_t *values, size_t count);
};

/* Penalties are wanted of a set with fewer training ratings than so many a row. Batch size and range count on
 * the rank that has the overview. */
struct cps_penalty_search {
    uint64_t below_ratings_a_row, seed;
    uint32_t batch_size;
    bool has_range, may_widen; /* if that is better */
    float range_low, range_high;
};

/* To three times its width, in the middle of which a sigmoid is almost straight. Without a range, rate and
 * decay of the factors would not go together for every scale of ratings. */
void cps_widen_range(float *low, float *high);

/* How sgd trains on a sparse set: the highest learning rate, for a slope of predictions over scores. */
#define CPS_SGD_EPOCHS 16
static inline double cps_sgd_rate(uint64_t train_count, double slope)
{
    const double most = 4, of_few = 0.01 * (double)train_count;
    return (of_few < most ? of_few : most) / (slope * slope);
}

/* The slope of a prediction in a range over its score, where it is the mean; 1 without a range. */
double cps_slope_at_mean(bool has_range, float range_low, float range_high, double mean);

/* The mean alone, in one pass over the ratings; has_losses is false. As cps_baselines_fit(). Collective. */
enum cps_status cps_baselines_mean(const struct cps_dataset *const *shards, size_t count,
                                   const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                   struct cps_baselines *out);

/* From the shards of this rank, which all ranks call with theirs, none perhaps. overview: what the set has
 * in all, on one rank; NULL on all others. search: NULL on all, or on none. The same *out on every rank.
 * *biases: those that a model can start from, of the penalties that were found, [user rows + movie rows], which
 * the caller frees; NULL where no penalties were looked for. Collective. */
enum cps_status cps_baselines_fit(const struct cps_dataset *const *shards, size_t count,
                                  const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                  const struct cps_penalty_search *search, struct cps_baselines *out,
                                  double **biases);

#endif
