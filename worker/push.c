/* Gradients into exchanges; see push.h and, for the layout, struct cps_exchange. */
#include "worker/push.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_push_init(struct cps_push *self, const struct cps_plan *plan,
                              const struct cps_kernels *kernels, struct cps_team *team)
{
    *self = (struct cps_push){.plan = *plan,
                              .kernels = kernels,
                              .team = team,
                              .fixed = cps_fixed_point(plan->gradient_bits, plan->batch_size),
                              .stride = (uint32_t)cps_round_up(cps_plan_row_width(plan), CPS_LANES)};
    return CPS_OK;
}

void cps_push_release(struct cps_push *self)
{
    free(self->place);
    free(self->sum);
    free(self->sums);
    *self = (struct cps_push){0};
}

size_t cps_push_bytes(const struct cps_gather *gather, uint32_t server)
{
    const struct cps_share *share = &gather->shares[server];
    size_t width = cps_plan_row_width(&gather->plan);
    return share->sums * width * sizeof(int64_t) + share->singles * width * sizeof(float) +
           share->scaled * sizeof(struct cps_scaled) +
           ((size_t)share->sums + share->singles) * sizeof(uint32_t);
}

enum cps_status cps_push_begin(struct cps_push *self, const struct cps_gather *gather)
{
    size_t sum_rows = 0;
    CPS_TRY(cps_grow("places of gradients", &self->place, &self->place_capacity, gather->row_count,
                     sizeof *self->place));
    CPS_TRY(cps_grow("places of sums", &self->sum, &self->row_capacity, gather->row_count, sizeof *self->sum));
    for (uint32_t s = 0; s < self->plan.servers; s++)
        sum_rows += gather->shares[s].sums;
    CPS_TRY(cps_grow("sums of gradients", &self->sums, &self->sum_capacity, sum_rows * self->stride,
                     sizeof *self->sums));
    int64_t *next = self->sums;
    for (uint32_t row = 0; row < gather->row_count; row++) {
        bool summed = gather->form[row] == CPS_PUSH_SUM;
        self->sum[row] = summed ? next : NULL;
        next += summed ? self->stride : 0;
    }
    return CPS_OK;
}

void cps_push_place(struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                    struct cps_message *message)
{
    const struct cps_share *share = &gather->shares[server];
    size_t width = cps_plan_row_width(&self->plan);
    struct cps_exchange *body = &message->exchange;
    body->has_push = true;
    body->sum_rows = share->sums;
    body->single_rows = share->singles;
    body->scaled = share->scaled;
    if (share->count == 0)
        return;
    int64_t *sum = (int64_t *)(void *)message->payload->data;
    float *single = (float *)(void *)(sum + share->sums * width);
    struct cps_scaled *scaled = (struct cps_scaled *)(void *)(single + share->singles * width);
    uint32_t *sum_key = (uint32_t *)(void *)(scaled + share->scaled), *single_key = sum_key + share->sums;
    for (uint32_t i = 0; i < share->count; i++) {
        uint32_t row = share->places[i];
        switch ((enum cps_push_form)gather->form[row]) {
        case CPS_PUSH_SUM:
            *sum_key++ = gather->key[row];
            self->place[row] = sum;
            sum += width;
            break;
        case CPS_PUSH_SINGLE:
            *single_key++ = gather->key[row];
            self->place[row] = single;
            single += width;
            break;
        case CPS_PUSH_SCALED:
            self->place[row] = scaled;
            scaled += gather->hits[row];
            break;
        }
    }
}

/* Writes slope times (other, 1), the derivative of <row, other> + bias with respect to row, to out. */
static void write_single(const struct cps_push *self, const float *other, float slope, float *out)
{
    uint32_t factors = self->plan.factors;
    for (uint32_t j = 0; j < factors; j++)
        out[j] = slope * other[j];
    if (self->plan.model == CPS_MODEL_BIAS)
        out[factors] = slope;
}

static bool add_to_sum(const struct cps_push *self, const float *other, size_t other_stride, float slope,
                       int64_t *sum)
{
    static const float one = 1.0f;
    bool fits = self->kernels->accumulate(sum, other, slope, other_stride, &self->fixed);
    if (self->plan.model == CPS_MODEL_BIAS)
        fits &= cps_kernels_scalar.accumulate(sum + self->plan.factors, &one, slope, 1, &self->fixed);
    return fits;
}

/* Adds the contribution of a sample with the rows row and other to the gradient of row. */
static bool add_gradient(struct cps_push *self, const struct cps_gather *gather, uint32_t row, uint32_t other,
                         float slope)
{
    const float *weights = gather->rows + (size_t)other * gather->stride;
    struct cps_scaled *scaled;
    switch ((enum cps_push_form)gather->form[row]) {
    case CPS_PUSH_SUM:
        return add_to_sum(self, weights, gather->stride, slope, self->sum[row]);
    case CPS_PUSH_SINGLE:
        write_single(self, weights, slope, self->place[row]);
        return true;
    case CPS_PUSH_SCALED:
        break;
    }
    scaled = self->place[row];
    *scaled = (struct cps_scaled){.row = gather->at[row], .other = gather->at[other], .slope = slope};
    self->place[row] = scaled + 1;
    return true;
}

/* Divides the rows among the threads: every thread reads all samples, and adds to its own rows. */
struct job {
    struct cps_push *push;
    const struct cps_gather *gather;
    const float *slope;
    uint32_t parts;
    bool fits[CPS_TEAM_MOST_PIECES];
};

static bool is_in(const struct job *job, uint32_t part, uint32_t row)
{
    return job->parts == 1 || row % job->parts == part;
}

static void add_part(void *context, uint32_t part, uint32_t thread)
{
    struct job *job = context;
    struct cps_push *self = job->push;
    const struct cps_gather *gather = job->gather;
    bool fits = true;
    (void)thread;
    for (uint32_t row = part; row < gather->row_count; row += job->parts)
        if (self->sum[row])
            memset(self->sum[row], 0, self->stride * sizeof *self->sum[row]);
    for (uint32_t i = 0; fits && i < gather->sample_count; i++) {
        uint32_t user = gather->user[i], movie = gather->movie[i];
        if (is_in(job, part, user))
            fits &= add_gradient(self, gather, user, movie, job->slope[i]);
        if (is_in(job, part, movie))
            fits &= add_gradient(self, gather, movie, user, job->slope[i]);
    }
    size_t bytes = cps_plan_row_width(&self->plan) * sizeof(int64_t);
    for (uint32_t row = part; row < gather->row_count; row += job->parts)
        if (self->sum[row])
            memcpy(self->place[row], self->sum[row], bytes);
    job->fits[part] = fits;
}

bool cps_push_gradients(struct cps_push *self, const struct cps_gather *gather, const float *slope)
{
    struct job job = {
        .push = self,
        .gather = gather,
        .slope = slope,
        .parts = cps_team_pieces(self->team, gather->sample_count) > 1 ? cps_team_threads(self->team) : 1};
    if (job.parts > CPS_TEAM_MOST_PIECES)
        job.parts = CPS_TEAM_MOST_PIECES;
    cps_team_run(self->team, job.parts, add_part, &job);
    bool fits = true;
    for (uint32_t part = 0; part < job.parts; part++)
        fits &= job.fits[part];
    return fits;
}
