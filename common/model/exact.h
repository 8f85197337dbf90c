/*
 * Sums that do not depend on their order.
 *
 * Losses: 128-bit fixed point, in units of 2^-64. A squared error is at most 2^40, so
 * 2^22 of them cannot overflow a signed sum and the range is checked on entry.
 *
 * Gradients: 64-bit fixed point in units of 2^-bits, where bits comes from the plan. A
 * contribution is at most cps_gradient_limit(), so that no batch can overflow a sum; a
 * sum is at most 2^51 units, so that it is exact in a double. Beyond either training
 * counts as diverged.
 */
#ifndef CPS_MODEL_EXACT_H
#define CPS_MODEL_EXACT_H

#include <stdbool.h>
#include <stdint.h>

typedef __int128 cps_int128;

#define CPS_LOSS_MAX 0x1p40

/* error² in units of 2^-64, exact for float errors of at least 2^-32 in size; smaller
 * bits are cut off. |error| < 2^20. */
static inline cps_int128 cps_loss_of(float error)
{
    double squared = (double)error * (double)error;
    return (cps_int128)(squared * 0x1p64);
}

/* A sum of such losses as a number. */
double cps_loss_value(cps_int128 sum);

/* Bits of the gradient's unit for ratings of at most max_rating in size: 40 for the usual
 * five stars, fewer for larger ones, whose gradients grow with the square. */
uint32_t cps_gradient_bits(float max_rating);

/* The largest allowed contribution in units, below 2^51 and below 2^62 / batch_size. */
double cps_gradient_limit(uint32_t batch_size);

#endif
