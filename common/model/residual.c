/* Predictions and errors; see residual.h. */
#include "common/model/residual.h"

#include <math.h>
#include <string.h>

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

float cps_sigmoid(float x)
{
    /* Written so that a NaN passes through both comparisons. */
    float bounded = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
    return isnan(x) ? x : 1.0f / (1.0f + exp_in_range(-bounded));
}

float cps_predict(const struct cps_plan *plan, float score)
{
    if (!plan->has_range)
        return score;
    return plan->range_low + (plan->range_high - plan->range_low) * cps_sigmoid(score);
}

size_t cps_residuals(const struct cps_plan *plan, const float *restrict score, const float *restrict rating,
                     size_t count, float *restrict slope, cps_int128 *sum)
{
    const float span = plan->range_high - plan->range_low, twice_mean = 2.0f / (float)plan->batch_size;
    for (size_t i = 0; i < count; i++) {
        float share = plan->has_range ? cps_sigmoid(score[i]) : 0.0f;
        float prediction = plan->has_range ? plan->range_low + span * share : score[i];
        float error = prediction - rating[i];
        if (!(fabsf(error) < 0x1p20f))
            return i;
        *sum += cps_loss_of(error);
        if (slope)
            slope[i] = twice_mean * error * (plan->has_range ? span * (share * (1.0f - share)) : 1.0f);
    }
    return count;
}
