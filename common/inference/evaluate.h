/*
 * How far predictions are from ratings: mean squared error and its root, mean absolute error; in all, by
 * rating, and by how many training ratings the user and the movie had.
 *
 * Squared errors are summed exactly and as validation does during training, so that the mean over a run's own
 * validation ratings is the valid_loss that it recorded, to the last bit.
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

/* NaN where count is 0. */
double cps_error_mse(const struct cps_error_sum *self);
double cps_error_mae(const struct cps_error_sum *self);

struct cps_evaluation {
    struct cps_error_sum total;
    /* Ratings from low on: one bucket for each different rating where there are few, else ten of equal width.
     */
    uint32_t rating_buckets;
    float rating_low[CPS_RATING_BUCKETS], rating_high[CPS_RATING_BUCKETS]; /* equal where it is one rating */
    struct cps_error_sum by_rating[CPS_RATING_BUCKETS];
    /* Seen 0, 1-4, 5-9, 10-19, 20-49, 50-99, 100-199, 200 times or more; only where rated was given. */
    struct cps_error_sum by_user[CPS_SEEN_BUCKETS], by_movie[CPS_SEEN_BUCKETS];
    uint64_t unknown; /* samples of a user or movie that the model has not seen */
};

/* The least number of ratings of a bucket of by_user and by_movie. */
extern const uint32_t cps_seen_from[CPS_SEEN_BUCKETS];

/* samples are in the rows of a dataset that map translates; rated may be NULL. CPS_ERR_DATA for an error beyond
 * 2^20 or one that is not a number. */
enum cps_status cps_evaluate(const struct cps_trained *model, const struct cps_samples *samples,
                             const struct cps_row_map *map, const struct cps_rated *rated,
                             struct cps_evaluation *out);

#endif
