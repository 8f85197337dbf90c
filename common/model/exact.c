/* Fixed-point sums; see exact.h. */
#include "common/model/exact.h"

#include <math.h>

double cps_loss_value(cps_int128 sum)
{
    return (double)sum * 0x1p-64;
}

uint32_t cps_gradient_bits(float max_rating)
{
    uint32_t bits = 40;
    for (float size = 8.0f; fabsf(max_rating) > size && bits > 2; size *= 2.0f)
        bits -= 2;
    return bits;
}

double cps_gradient_limit(uint32_t batch_size)
{
    double by_sum = 0x1p62 / (double)batch_size;
    return by_sum < 0x1p51 ? by_sum : 0x1.fffffffffffffp50;
}
