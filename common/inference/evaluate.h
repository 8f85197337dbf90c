/*
 * Errors of predictions: mean squared error, its root, and mean absolute error; overall, by
 * rating, and by the number of training ratings of the user and of the movie.
 *
 * Squared errors are summed exactly, as in validation during training, so that the mean over a run's own
 * validation ratings equals the recorded valid_loss to the last bit.
 */
#ifndef CPS_INFERENCE_EVALUATE_H
#define CPS_INFERENCE_EVALUATE_H

#include "common/inference/rated.h"
#include "common/model/exact.h"

enum { CPS_SEEN_BUCKETS = 8, CPS_RATING_BUCKETS = 10 };

struct cps_error_sum {
    uint64_t count;
    cps_int128 squared; /* cps_loss_of */
    double absolute;
};

/* NaN if count is 0. */
double cps_error_mse(const struct cps_error_sum *self);
double cps_error_mae(const struct cps_error_sum *self);

struct cps_evaluation {
    struct cps_error_sum total;
    /* One bucket per distinct rating if there are few, else ten of equal width. */
    uint32_t rating_buckets;
    float rating_low[CPS_RATING_BUCKETS], rating_high[CPS_RATING_BUCKETS]; /* equal for a single rating */
    struct cps_error_sum by_rating[CPS_RATING_BUCKETS];
    /* By number of training ratings: 0, 1-4, 5-9, 10-19, 20-49, 50-99, 100-199, 200 or more; only with rated.
     */
    struct cps_error_sum by_user[CPS_SEEN_BUCKETS], by_movie[CPS_SEEN_BUCKETS];
    uint64_t unknown; /* samples whose user or movie is unknown to the model */
};

/* The smallest number of ratings in each bucket of by_user and by_movie. */
extern const uint32_t cps_seen_from[CPS_SEEN_BUCKETS];

/* Evaluates model on samples, whose rows map translates to those of the model; rated may be NULL. CPS_ERR_DATA
 * if an error is 2^20 or more, or not a number. */
enum cps_status cps_evaluate(const struct cps_trained *model, const struct cps_samples *samples,
                             const struct cps_row_map *map, const struct cps_rated *rated,
                             struct cps_evaluation *out);

#endif
