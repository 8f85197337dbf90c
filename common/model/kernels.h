/*
 * The arithmetic of a step on rows of floats, in three builds with the same bits.
 *
 * kernels_scalar.c is the plain reference. kernels_vector.h is compiled once for AVX2
 * and once for AVX-512. All three use the same lane structure: a dot product is 16
 * partial sums (lane l adds elements l, l+16, l+32, …) folded by one tree (8+8, 4+4,
 * 2+2, 1+1); everything else is element by element. Only IEEE add, multiply, divide
 * and square root are used, never fused, so that the builds agree bit for bit.
 *
 * Rows are padded with zeroes to a stride, a multiple of 16 floats. Kernels are pure:
 * they keep no state, do not allocate and report errors only by their return value.
 */
#ifndef CPS_MODEL_KERNELS_H
#define CPS_MODEL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/status.h"
#include "common/model/steps.h"

#define CPS_LANES 16

/* The scale and limit of fixed-point gradients; see exact.h. */
struct cps_fixed_point {
    double scale;   /* 2^bits */
    double inverse; /* 2^-bits */
    double limit;   /* of a contribution, in units */
};

struct cps_kernels {
    const char *name;

    /* out[i] = <rows[a[i]], rows[b[i]]>, count pairs; rows of stride floats. */
    void (*dot)(const float *restrict rows, size_t stride, const uint32_t *restrict a,
                const uint32_t *restrict b, size_t count, float *restrict out);

    /* sum[j] += fixed(scale·x[j]) for j < count. count is a multiple of 16. False when a
     * contribution is beyond the limit or not a number. */
    bool (*accumulate)(int64_t *restrict sum, const float *restrict x, float scale, size_t count,
                       const struct cps_fixed_point *fixed);

    /* One dense Adam step on a row of stride elements whose summed gradient is sum. False
     * if the gradient is out of range or a weight becomes infinite or not a number. */
    bool (*adam)(float *restrict w, float *restrict m, float *restrict v, const int64_t *restrict sum,
                 size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed);

    /* adam on the sum of the single contribution x[stride]; also false if x is beyond the limit. */
    bool (*adam_single)(float *restrict w, float *restrict m, float *restrict v, const float *restrict x,
                        size_t stride, const struct cps_adam_step *step, const struct cps_fixed_point *fixed);

    /* Applies missed steps to a row in place. */
    void (*catch_up)(float *restrict w, float *restrict m, float *restrict v, size_t stride,
                     const struct cps_catch_up *missed);

    /* Stores the weights with missed steps applied in out; does not change the row. */
    void (*peek)(const float *restrict w, const float *restrict m, const float *restrict v, size_t stride,
                 const struct cps_catch_up *missed, float *restrict out);

    /* w = w·decay - rate·gradient; returns like adam. */
    bool (*descend)(float *restrict w, const int64_t *restrict sum, size_t stride, float decay, float rate,
                    const struct cps_fixed_point *fixed);

    /* Sum of squared gradients over a row: 16 partial sums and the tree of dot. */
    float (*square_sum)(const int64_t *restrict sum, size_t stride, const struct cps_fixed_point *fixed);
};

/* Selects the kernels of isa; AUTO selects the widest that the processor supports. CPS_ERR_USAGE if it
 * does not support isa. */
enum cps_status cps_kernels_select(enum cps_isa isa, const struct cps_kernels **out);

/* The fixed-point format for a plan's gradient_bits and batch size. */
struct cps_fixed_point cps_fixed_point(uint32_t bits, uint32_t batch_size);

/* The three builds; a NULL one was not compiled in. */
extern const struct cps_kernels cps_kernels_scalar;
const struct cps_kernels *cps_kernels_avx2(void);
const struct cps_kernels *cps_kernels_avx512(void);

#endif
