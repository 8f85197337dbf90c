/*
 * The reference kernels, one element at a time, which define every bit. A test checks that the
 * vector builds equal them.
 */
#include <math.h>
#include <string.h>

#include "common/model/kernels.h"

/* 1.5·2^52: adding it to a double below 2^51 in size rounds to an integer (to nearest,
 * ties to even) that the low bits hold. */
static const double MAGIC = 0x1.8p52;
static const int64_t MAGIC_BITS = 0x4338000000000000;

static float fold_lanes(const float lanes[CPS_LANES])
{
    float sum[CPS_LANES / 2];
    for (int l = 0; l < 8; l++)
        sum[l] = lanes[l] + lanes[l + 8];
    for (int half = 4; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

static void dot(const float *restrict rows, size_t stride, const uint32_t *restrict a,
                const uint32_t *restrict b, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        const float *x = rows + a[i] * stride, *y = rows + b[i] * stride;
        float lanes[CPS_LANES];
        for (size_t l = 0; l < CPS_LANES; l++)
            lanes[l] = x[l] * y[l];
        for (size_t j = CPS_LANES; j < stride; j++)
            lanes[j % CPS_LANES] += x[j] * y[j];
        out[i] = fold_lanes(lanes);
    }
}

/* scale·x in units, rounded. Clears *fits if it is beyond the limit or not a number. */
static int64_t units_of(float x, float scale, const struct cps_fixed_point *fixed, bool *fits)
{
    double units = (double)(scale * x) * fixed->scale;
    *fits &= fabs(units) < fixed->limit;
    double rounded = units + MAGIC;
    int64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (int64_t)((uint64_t)bits - (uint64_t)MAGIC_BITS);
}

static bool accumulate(int64_t *restrict sum, const float *restrict x, float scale, size_t count,
                       const struct cps_fixed_point *fixed)
{
    bool fits = true;
    for (size_t j = 0; j < count; j++)
        sum[j] = (int64_t)((uint64_t)sum[j] + (uint64_t)units_of(x[j], scale, fixed, &fits));
    return fits;
}

/* Converts a sum in units to a float. Clears *fits if its magnitude is not below 2^51. */
static float gradient_of(int64_t sum, const struct cps_fixed_point *fixed, bool *fits)
{
    *fits &= (uint64_t)sum + ((uint64_t)1 << 51) < (uint64_t)1 << 52;
    int64_t bits = (int64_t)((uint64_t)sum + (uint64_t)MAGIC_BITS);
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)((value - MAGIC) * fixed->inverse);
}

/* Updates one element by gradient g; false if its weight is no longer finite. */
static bool adam_element(float *w, float *m, float *v, float g, const struct cps_adam_step *step)
{
    static const float keep = (float)CPS_ADAM_SQUARE_DECAY, take = 0.01f;
    float first = step->momentum * *m + step->one_minus * g;
    float second = keep * *v + take * (g * g);
    float root = sqrtf(second) * step->square_scale;
    *m = first;
    *v = second;
    *w = *w * step->decay - step->rate * (first / (root + CPS_ADAM_EPSILON));
    return isfinite(*w);
}

static bool adam(float *restrict w, float *restrict m, float *restrict v, const int64_t *restrict sum,
                 size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed)
{
    bool fits = true;
    for (size_t j = 0; j < stride; j++) {
        float g = gradient_of(sum[j], fixed, &fits);
        fits &= adam_element(&w[j], &m[j], &v[j], g, step);
    }
    return fits;
}

static bool adam_single(float *restrict w, float *restrict m, float *restrict v, const float *restrict x,
                        size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed)
{
    bool fits = true;
    for (size_t j = 0; j < stride; j++) {
        float g = gradient_of(units_of(x[j], 1.0f, fixed, &fits), fixed, &fits);
        fits &= adam_element(&w[j], &m[j], &v[j], g, step);
    }
    return fits;
}

/* Two terms share a division: a/x + b/y = (a·y + b·x)/(x·y). */
static float caught_up(float w, float m, float v, const struct cps_catch_up *missed)
{
    float root = sqrtf(v), sum = 0.0f;
    uint32_t i = 0;
    for (; i + 2 <= missed->terms; i += 2) {
        float x = root * missed->ratio[i] + CPS_ADAM_EPSILON,
              y = root * missed->ratio[i + 1] + CPS_ADAM_EPSILON;
        sum += (missed->weight[i] * y + missed->weight[i + 1] * x) / (x * y);
    }
    if (i < missed->terms)
        sum += missed->weight[i] / (root * missed->ratio[i] + CPS_ADAM_EPSILON);
    return w * missed->decay - m * sum;
}

static void catch_up(float *restrict w, float *restrict m, float *restrict v, size_t stride,
                     const struct cps_catch_up *missed)
{
    for (size_t j = 0; j < stride; j++) {
        w[j] = caught_up(w[j], m[j], v[j], missed);
        m[j] *= missed->momentum;
        v[j] *= missed->square;
    }
}

static void peek(const float *restrict w, const float *restrict m, const float *restrict v, size_t stride,
                 const struct cps_catch_up *missed, float *restrict out)
{
    for (size_t j = 0; j < stride; j++)
        out[j] = caught_up(w[j], m[j], v[j], missed);
}

static bool descend(float *restrict w, const int64_t *restrict sum, size_t stride, float decay, float rate,
                    const struct cps_fixed_point *fixed)
{
    bool fits = true;
    for (size_t j = 0; j < stride; j++) {
        w[j] = w[j] * decay - rate * gradient_of(sum[j], fixed, &fits);
        fits &= isfinite(w[j]);
    }
    return fits;
}

static float square_sum(const int64_t *restrict sum, size_t stride, const struct cps_fixed_point *fixed)
{
    float lanes[CPS_LANES] = {0};
    bool fits = true;
    for (size_t j = 0; j < stride; j++) {
        float g = gradient_of(sum[j], fixed, &fits);
        lanes[j % CPS_LANES] += g * g;
    }
    return fold_lanes(lanes);
}

const struct cps_kernels cps_kernels_scalar = {
    .name = "scalar",
    .dot = dot,
    .accumulate = accumulate,
    .adam = adam,
    .adam_single = adam_single,
    .catch_up = catch_up,
    .peek = peek,
    .descend = descend,
    .square_sum = square_sum,
};
