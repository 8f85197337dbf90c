/*
 * Fixed-point sums, whose result does not depend on the order of addition.
 *
 * Errors, squared and absolute: 128-bit fixed point, in units of 2^-64. A squared error is at
 * most 2^40, so 2^22 of them cannot overflow a signed sum and the range is checked on entry.
 *
 * Gradients: 64-bit fixed point in units of 2^-bits, where bits comes from the plan. A
 * contribution is at most cps_gradient_limit(), so that no batch can overflow a sum; a
 * sum is at most 2^51 units, so that a double holds it exactly. If either limit is exceeded, training
 * is reported as diverged.
 */
#ifndef CPS_MODEL_EXACT_H
#define CPS_MODEL_EXACT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef __int128 cps_int128;

/* error² in units of 2^-64, truncated; |error| < 2^20. Computed from the float's bits, since
 * converting a double to 128 bits is a slow library call. */
static inline cps_int128 cps_loss_of(float error)
{
    uint32_t bits;
    memcpy(&bits, &error, sizeof bits);
    uint32_t field = bits >> 23 & 0xFF;
    uint64_t digits = (bits & 0x7FFFFF) | 0x800000; /* error = ±digits·2^(field - 150) */
    int shift = 64 + 2 * ((int)field - 150);
    if (shift >= 0)
        return (cps_int128)(digits * digits) << shift;
    return shift > -48 && field ? (cps_int128)(digits * digits >> -shift) : 0;
}

/* |error| in units of 2^-64, truncated; |error| < 2^20. */
static inline cps_int128 cps_magnitude_of(float error)
{
    uint32_t bits;
    memcpy(&bits, &error, sizeof bits);
    uint32_t field = bits >> 23 & 0xFF;
    uint64_t digits = (bits & 0x7FFFFF) | 0x800000;
    int shift = 64 + (int)field - 150;
    if (shift >= 0)
        return (cps_int128)digits << shift;
    return shift > -24 && field ? (cps_int128)(digits >> -shift) : 0;
}

/* a + b modulo 2^128: invalid values from a peer may overflow, but without undefined behaviour. */
static inline cps_int128 cps_loss_add(cps_int128 a, cps_int128 b)
{
    return (cps_int128)((unsigned __int128)a + (unsigned __int128)b);
}

/* Converts a sum of such errors to a double. */
double cps_loss_value(cps_int128 sum);

/* The number of fraction bits of gradients for |rating| <= max_rating: 40 for the usual
 * five stars, fewer for larger ratings, since gradients grow with their square. */
uint32_t cps_gradient_bits(float max_rating);

/* The largest allowed contribution in units, below 2^51 and below 2^62 / batch_size. */
double cps_gradient_limit(uint32_t batch_size);

#endif
