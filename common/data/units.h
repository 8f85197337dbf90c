/* Ratings as whole numbers of units of 1/2^bits, so that their sums are exact. */
#ifndef CPS_DATA_UNITS_H
#define CPS_DATA_UNITS_H

#include <math.h>
#include <stdint.h>

#include "common/data/dataset.h"

/* The finest units in which no sum of residuals over the training ratings overflows, up to a limit. */
static inline uint64_t cps_unit_bits(const struct cps_dataset *set)
{
    double largest = fmax(fabs((double)set->rating_min), fabs((double)set->rating_max));
    double bound = 8.0 * (largest + 1.0) * ((double)set->train_count + 1.0);
    uint64_t bits = 40;
    while (bits > 0 && ldexp(bound, (int)bits) >= 0x1p62)
        bits--;
    return bits;
}

/* value in units of 1/scale, rounded, halves upwards: floor(value·scale + 0.5) without the call that floor() is
 * on older processors. */
static inline int64_t cps_to_units(double value, double scale)
{
    double moved = value * scale + 0.5;
    int64_t whole = (int64_t)moved;
    return whole - ((double)whole > moved);
}

#endif
