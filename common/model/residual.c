/* Predictions and errors; see residual.h. */
#include "common/model/residual.h"

#include <math.h>
#include <string.h>

#include "common/base/numeric.h"

/* e^x for -87 <= x <= 88: x = n·ln 2 + r, |r| <= ln 2 / 2, and a polynomial in r (the
 * coefficients of Cephes' expf, S. Moshier). */
static float exp_in_range(float x)
{
    static const float c[6] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                               8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
    float shifted = x * 1.44269504f + 0x1.8p23f, n = shifted - 0x1.8p23f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float sum = c[5];
    for (int i = 4; i >= 0; i--)
        sum = sum * r + c[i];
    float power = (sum * (r * r) + r) + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return power * scale;
}

/* Without branches, so that a loop over it becomes vector code; a NaN passes through. */
static inline float sigmoid(float x)
{
    float bounded = x > -87.0f ? x : -87.0f;
    bounded = bounded > 87.0f ? 87.0f : bounded;
    float share = 1.0f / (1.0f + exp_in_range(-bounded));
    return x == x ? share : x;
}

float cps_sigmoid(float x)
{
    return sigmoid(x);
}

float cps_predict(const struct cps_plan *plan, float score)
{
    score += plan->offset;
    if (!plan->has_range)
        return score;
    return plan->range_low + (plan->range_high - plan->range_low) * sigmoid(score);
}

float cps_offset_of_mean(const struct cps_plan *plan, double mean)
{
    static const double nearest = 1e-3; /* distance from an end of the range, as a fraction of it */
    double share = (mean - (double)plan->range_low) / ((double)plan->range_high - (double)plan->range_low);
    if (!plan->has_range)
        return (float)mean;
    share = share > nearest ? share : nearest;
    share = share < 1.0 - nearest ? share : 1.0 - nearest;
    return (float)(cps_ln(share) - cps_ln(1.0 - share));
}

enum { CHUNK = 256 };

/* error[i] of the prediction, and slope[i] = twice_mean·error·d(prediction)/d(score). */
static void errors_and_slopes(const struct cps_plan *plan, const float *restrict score,
                              const float *restrict rating, size_t count, float *restrict error,
                              float *restrict slope)
{
    const float offset = plan->offset, low = plan->range_low, span = plan->range_high - low;
    const float twice_mean = 2.0f / (float)plan->batch_size;
    if (!plan->has_range) {
        for (size_t i = 0; i < count; i++) {
            error[i] = (score[i] + offset) - rating[i];
            slope[i] = twice_mean * error[i];
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        float share = sigmoid(score[i] + offset);
        error[i] = (low + span * share) - rating[i];
        slope[i] = twice_mean * error[i] * (span * (share * (1.0f - share)));
    }
}

size_t cps_residuals(const struct cps_plan *plan, const float *restrict score, const float *restrict rating,
                     size_t count, float *restrict slope, cps_int128 *sum)
{
    float error[CHUNK], unused[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t chunk = count - first < CHUNK ? count - first : CHUNK;
        errors_and_slopes(plan, score + first, rating + first, chunk, error, slope ? slope + first : unused);
        for (size_t i = 0; i < chunk; i++) {
            if (!cps_error_in_range(error[i]))
                return first + i;
            *sum += cps_loss_of(error[i]);
        }
    }
    return count;
}

size_t cps_error_sums_add(struct cps_error_sums *sums, const struct cps_plan *plan, const float *restrict score,
                          const float *restrict rating, size_t count)
{
    float error[CHUNK], unused[CHUNK];
    for (size_t first = 0; first < count; first += CHUNK) {
        size_t chunk = count - first < CHUNK ? count - first : CHUNK;
        errors_and_slopes(plan, score + first, rating + first, chunk, error, unused);
        for (size_t i = 0; i < chunk; i++) {
            if (!cps_error_in_range(error[i]))
                return first + i;
            sums->squared += cps_loss_of(error[i]);
            sums->absolute += cps_magnitude_of(error[i]);
        }
    }
    return count;
}
