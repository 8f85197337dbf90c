/* Gradients into exchanges; see push.h and, for the layout, struct cps_exchange. */
#include "worker/push.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_push_init(struct cps_push *self, const struct cps_plan *plan,
                              const struct cps_kernels *kernels)
{
    *self = (struct cps_push){.plan = *plan,
                              .kernels = kernels,
                              .fixed = cps_fixed_point(plan->gradient_bits, plan->batch_size),
                              .stride = (uint32_t)cps_round_up(cps_plan_row_width(plan), CPS_LANES)};
    return CPS_OK;
}

void cps_push_release(struct cps_push *self)
{
    free(self->single);
    free(self->sum);
    free(self->sums);
    *self = (struct cps_push){0};
}

static uint32_t singles_of(const struct cps_share *share)
{
    return share->count - share->sums;
}

size_t cps_push_bytes(const struct cps_gather *gather, uint32_t server)
{
    const struct cps_share *share = &gather->shares[server];
    size_t width = cps_plan_row_width(&gather->plan);
    return share->sums * width * sizeof(int64_t) + singles_of(share) * width * sizeof(float) +
           share->count * sizeof(uint32_t);
}

enum cps_status cps_push_begin(struct cps_push *self, const struct cps_gather *gather)
{
    size_t sum_rows = 0;
    CPS_TRY(cps_grow("places of gradients", &self->single, &self->single_capacity, gather->row_count,
                     sizeof *self->single));
    CPS_TRY(cps_grow("places of sums", &self->sum, &self->row_capacity, gather->row_count, sizeof *self->sum));
    for (uint32_t s = 0; s < self->plan.servers; s++)
        sum_rows += gather->shares[s].sums;
    CPS_TRY(cps_grow("sums of gradients", &self->sums, &self->sum_capacity, sum_rows * self->stride,
                     sizeof *self->sums));
    if (sum_rows)
        memset(self->sums, 0, sum_rows * self->stride * sizeof *self->sums);
    int64_t *next = self->sums;
    for (uint32_t row = 0; row < gather->row_count; row++) {
        self->sum[row] = gather->hits[row] > 1 ? next : NULL;
        next += gather->hits[row] > 1 ? self->stride : 0;
    }
    return CPS_OK;
}

void cps_push_place(struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                    struct cps_message *message)
{
    const struct cps_share *share = &gather->shares[server];
    size_t width = cps_plan_row_width(&self->plan);
    message->exchange.has_push = true;
    message->exchange.sum_rows = share->sums;
    message->exchange.single_rows = singles_of(share);
    if (share->count == 0)
        return;
    float *single = (float *)(void *)(message->payload->data + share->sums * width * sizeof(int64_t));
    uint32_t *sum_key = (uint32_t *)(single + singles_of(share) * width), *single_key = sum_key + share->sums;
    for (uint32_t i = 0; i < share->count; i++) {
        uint32_t row = share->places[i];
        if (self->sum[row]) {
            *sum_key++ = gather->key[row];
            continue;
        }
        *single_key++ = gather->key[row];
        self->single[row] = single;
        single += width;
    }
}

/* Adds slope·(other, 1) to the gradient of row: the derivative of <row, other> + bias. */
static bool add_gradient(struct cps_push *self, uint32_t row, const float *other, size_t other_stride,
                         float slope)
{
    static const float one = 1.0f;
    uint32_t factors = self->plan.factors;
    bool has_bias = self->plan.model == CPS_MODEL_BIAS;
    if (!self->sum[row]) {
        float *out = self->single[row];
        for (uint32_t j = 0; j < factors; j++)
            out[j] = slope * other[j];
        if (has_bias)
            out[factors] = slope;
        return true;
    }
    bool fits = self->kernels->accumulate(self->sum[row], other, slope, other_stride, &self->fixed);
    if (has_bias)
        fits &= cps_kernels_scalar.accumulate(self->sum[row] + factors, &one, slope, 1, &self->fixed);
    return fits;
}

uint32_t cps_push_gradients(struct cps_push *self, const struct cps_gather *gather, const float *slope)
{
    size_t stride = gather->stride;
    for (uint32_t i = 0; i < gather->sample_count; i++) {
        uint32_t user = gather->user[i], movie = gather->movie[i];
        if (!add_gradient(self, user, gather->rows + movie * stride, stride, slope[i]) ||
            !add_gradient(self, movie, gather->rows + user * stride, stride, slope[i]))
            return i;
    }
    return gather->sample_count;
}

void cps_push_finish(const struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                     struct cps_message *message)
{
    const struct cps_share *share = &gather->shares[server];
    size_t width = cps_plan_row_width(&self->plan);
    if (share->sums == 0)
        return;
    int64_t *out = (int64_t *)(void *)message->payload->data;
    for (uint32_t i = 0; i < share->count; i++) {
        uint32_t row = share->places[i];
        if (!self->sum[row])
            continue;
        memcpy(out, self->sum[row], width * sizeof *out);
        out += width;
    }
}
