/* From dot products and ratings to predictions, squared errors and derivatives. */
#ifndef CPS_MODEL_RESIDUAL_H
#define CPS_MODEL_RESIDUAL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/model/exact.h"
#include "common/model/plan.h"

/* 1 / (1 + e^-x) in float, within 2.5 ulp; from IEEE operations alone. */
float cps_sigmoid(float x);

/* The model's prediction for a raw score <u, m> (+ bu + bm), to which plan's offset is added first. */
float cps_predict(const struct cps_plan *plan, float score);

/* The offset that makes the prediction for a score of 0 mean; the nearest there is where the range does not
 * hold it. */
float cps_offset_of_mean(const struct cps_plan *plan, double mean);

/* Whether the error of a prediction can be squared and summed; false for one that is no number. */
static inline bool cps_error_in_range(float error)
{
    return fabsf(error) < 0x1p20f;
}

/*
 * For count samples with raw scores and ratings: adds the squared errors of the
 * predictions to *sum and, unless slope is NULL, sets slope[i] to the derivative of the
 * mean squared error over a batch of plan->batch_size by score[i]. Returns count, or the
 * first i whose error is not below 2^20 in size (or not a number), where it stops.
 */
size_t cps_residuals(const struct cps_plan *plan, const float *restrict score, const float *restrict rating,
                     size_t count, float *restrict slope, cps_int128 *sum);

/* Exact sums over the errors of predictions. */
struct cps_error_sums {
    cps_int128 squared, absolute;
};

/* Adds the errors of count predictions to *sums. Returns as cps_residuals. */
size_t cps_error_sums_add(struct cps_error_sums *sums, const struct cps_plan *plan, const float *restrict score,
                          const float *restrict rating, size_t count);

#endif
