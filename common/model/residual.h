/* Predictions, squared errors and derivatives from dot products and ratings. */
#ifndef CPS_MODEL_RESIDUAL_H
#define CPS_MODEL_RESIDUAL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/model/exact.h"
#include "common/model/plan.h"

/* 1 / (1 + e^-x) in float, within 2.5 ulp; built from IEEE operations alone. */
float cps_sigmoid(float x);

/* The model's prediction for a raw score <u, m> (+ bu + bm), to which plan's offset is added first. */
float cps_predict(const struct cps_plan *plan, float score);

/* The offset for which the prediction at score 0 equals mean, or is as close as the range allows. */
float cps_offset_of_mean(const struct cps_plan *plan, double mean);

/* Whether an error can be squared and summed without overflow; false if it is not a number. */
static inline bool cps_error_in_range(float error)
{
    return fabsf(error) < 0x1p20f;
}

/*
 * For count samples with raw scores and ratings: adds the squared errors of the
 * predictions to *sum and, unless slope is NULL, sets slope[i] to the derivative of the
 * mean squared error over a batch of plan->batch_size by score[i]. Returns count, or stops at the first i whose
 * error is not below 2^20 in magnitude (or not a number) and returns i.
 */
size_t cps_residuals(const struct cps_plan *plan, const float *restrict score, const float *restrict rating,
                     size_t count, float *restrict slope, cps_int128 *sum);

/* Exact sums over the errors of predictions. */
struct cps_error_sums {
    cps_int128 squared, absolute;
};

/* Adds the errors of count predictions to *sums. Returns like cps_residuals. */
size_t cps_error_sums_add(struct cps_error_sums *sums, const struct cps_plan *plan, const float *restrict score,
                          const float *restrict rating, size_t count);

#endif
