/* Row layout and parameters of the block solver, and the choice of its kernels; see block_kernels.h. */
#include "common/model/block_kernels.h"

#include <string.h>

#include "common/base/memory.h"

struct cps_block_rule cps_block_rule_of(const struct cps_plan *plan)
{
    uint32_t width = CPS_BLOCK_FACTORS + plan->factors, stride = (uint32_t)cps_round_up(width, CPS_LANES);
    bool adagrad = plan->optimizer == CPS_OPTIMIZER_ADAGRAD;
    return (struct cps_block_rule){.width = width,
                                   .stride = stride,
                                   .row_floats = stride + (adagrad ? CPS_BLOCK_STATE_FLOATS : 0),
                                   .adagrad = adagrad,
                                   .has_range = plan->has_range,
                                   .offset = plan->offset,
                                   .low = plan->range_low,
                                   .span = plan->range_high - plan->range_low,
                                   .factors = (float)plan->factors,
                                   .loss_scale = (double)((uint64_t)1 << plan->gradient_bits)};
}

void cps_block_row_set(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *weights,
                       float *row)
{
    uint32_t factors = rule->width - CPS_BLOCK_FACTORS;
    memcpy(row + CPS_BLOCK_FACTORS, weights, factors * sizeof *row);
    row[is_movie ? CPS_BLOCK_ONE : CPS_BLOCK_BIAS] = has_bias ? weights[factors] : 0.0f;
    row[is_movie ? CPS_BLOCK_BIAS : CPS_BLOCK_ONE] = has_bias ? 1.0f : 0.0f;
}

void cps_block_row_get(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *row,
                       float *weights)
{
    uint32_t factors = rule->width - CPS_BLOCK_FACTORS;
    memcpy(weights, row + CPS_BLOCK_FACTORS, factors * sizeof *row);
    if (has_bias)
        weights[factors] = row[is_movie ? CPS_BLOCK_ONE : CPS_BLOCK_BIAS];
}

void cps_block_row_pack(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *row,
                        float *packed)
{
    uint32_t weights = rule->width - CPS_BLOCK_FACTORS + has_bias;
    cps_block_row_get(rule, has_bias, is_movie, row, packed);
    if (rule->adagrad)
        memcpy(packed + weights, row + rule->stride, 2 * sizeof *row);
}

void cps_block_row_unpack(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *packed,
                          float *row)
{
    uint32_t weights = rule->width - CPS_BLOCK_FACTORS + has_bias;
    cps_block_row_set(rule, has_bias, is_movie, packed, row);
    memset(row + rule->width, 0, (rule->row_floats - rule->width) * sizeof *row);
    if (rule->adagrad)
        memcpy(row + rule->stride, packed + weights, 2 * sizeof *row);
}

const struct cps_block_kernels *cps_block_kernels_of(const struct cps_kernels *kernels)
{
    if (kernels == cps_kernels_avx512())
        return cps_block_kernels_avx512();
    return kernels == cps_kernels_avx2() ? cps_block_kernels_avx2() : &cps_block_kernels_scalar;
}
