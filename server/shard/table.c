/*
 * Rows and their optimizer state. A pull or a read first applies the steps that the row missed
 * (common/model/steps.h); a training step then equals the dense one.
 *
 * If the bias has its own weight decay, its element has other coefficients: the vector kernel updates the whole
 * row, then the scalar kernel computes that element again from its old state. Biases that are kept have no
 * decay and get their old value back.
 */
#include "server/shard/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/model/initial.h"

static const float ADAGRAD_EPSILON = 1e-10f;

static uint32_t state_floats(const struct cps_plan *plan, uint32_t stride)
{
    switch (plan->optimizer) {
    case CPS_OPTIMIZER_ADAM:
        return 3 * stride;
    case CPS_OPTIMIZER_ADAGRAD:
        return stride + CPS_LANES;
    case CPS_OPTIMIZER_SGD:
        break;
    }
    return stride;
}

/* Many rows of a step have missed the same few steps, so their catch-ups are cached: entry g - 1 is for a gap
 * of g steps up to and including step to[g - 1]. */
enum { CACHED_GAPS = 64 };
struct cps_catch_up_cache {
    uint64_t to[CACHED_GAPS];
    struct cps_catch_up gap[CACHED_GAPS];
};

static float *row_at(const struct cps_table *self, uint32_t row)
{
    return self->floats + (size_t)row * self->row_floats;
}

static void fill_initial(struct cps_table *self, const struct cps_initial_rows *start)
{
    for (uint32_t row = 0; row < self->rows; row++) {
        if (start)
            start->row(start->context, &self->plan, cps_table_key_of(self, row), row_at(self, row));
        else
            cps_initial_row(&self->plan, cps_table_key_of(self, row), row_at(self, row));
    }
}

static enum cps_status alloc_desks(struct cps_table *self, uint32_t threads)
{
    CPS_TRY(cps_alloc("desks of threads", threads, sizeof *self->desks, &self->desks));
    self->threads = threads;
    for (uint32_t t = 0; t < threads; t++) {
        struct cps_table_desk *desk = &self->desks[t];
        CPS_TRY(cps_alloc("a row", self->stride, sizeof(float), &desk->row));
        /* Beyond the width they stay zero. */
        CPS_TRY(cps_alloc("a row", self->stride, sizeof(float), &desk->placed[0]));
        CPS_TRY(cps_alloc("a row", self->stride, sizeof(float), &desk->placed[1]));
        CPS_TRY(cps_alloc("sums of a row", self->stride, sizeof *desk->sums, &desk->sums));
        CPS_TRY(cps_alloc("catch-ups", 1, sizeof *desk->cache, &desk->cache));
    }
    return CPS_OK;
}

enum cps_status cps_table_init(struct cps_table *self, const struct cps_plan *plan,
                               const struct cps_kernels *kernels, uint32_t server,
                               const struct cps_initial_rows *start, uint32_t threads)
{
    uint32_t width = cps_plan_row_width(plan);
    *self = (struct cps_table){.plan = *plan,
                               .kernels = kernels,
                               .fixed = cps_fixed_point(plan->gradient_bits, plan->batch_size),
                               .server = server,
                               .rows = cps_plan_server_rows(plan, server),
                               .width = width,
                               .stride = (uint32_t)cps_round_up(width, CPS_LANES)};
    self->row_floats = state_floats(plan, self->stride);
    CPS_TRY(
        cps_alloc("the rows of a server", (size_t)self->rows * self->row_floats, sizeof(float), &self->floats));
    CPS_TRY(cps_alloc("the steps of rows", self->rows, sizeof *self->step, &self->step));
    CPS_TRY(alloc_desks(self, threads));
    bool adam = plan->optimizer == CPS_OPTIMIZER_ADAM;
    CPS_TRY(cps_steps_create(plan->wd, adam, &self->idle));
    bool kept = plan->keeps_biases, apart = !kept && cps_plan_movie_bias_decay(plan) != plan->wd_bias;
    if (plan->model == CPS_MODEL_BIAS && (kept || plan->wd_bias != plan->wd || apart))
        CPS_TRY(cps_steps_create(kept ? 0 : plan->wd_bias, adam, &self->bias_idle));
    if (plan->model == CPS_MODEL_BIAS && apart)
        CPS_TRY(cps_steps_create(plan->wd_movie_bias, adam, &self->movie_bias_idle));
    fill_initial(self, start);
    return CPS_OK;
}

void cps_table_release(struct cps_table *self)
{
    free(self->floats);
    free(self->step);
    for (uint32_t t = 0; t < self->threads; t++) {
        free(self->desks[t].row);
        free(self->desks[t].placed[0]);
        free(self->desks[t].placed[1]);
        free(self->desks[t].sums);
        free(self->desks[t].cache);
    }
    free(self->desks);
    cps_steps_destroy(&self->idle);
    cps_steps_destroy(&self->bias_idle);
    cps_steps_destroy(&self->movie_bias_idle);
    *self = (struct cps_table){0};
}

enum cps_status cps_table_grant(struct cps_table *self, const struct cps_hyper *hyper, uint32_t steps)
{
    CPS_TRY(cps_steps_grant(self->idle, hyper, steps));
    if (self->bias_idle)
        CPS_TRY(cps_steps_grant(self->bias_idle, hyper, steps));
    if (self->movie_bias_idle)
        CPS_TRY(cps_steps_grant(self->movie_bias_idle, hyper, steps));
    return CPS_OK;
}

uint64_t cps_table_granted(const struct cps_table *self)
{
    return self->idle ? cps_steps_granted(self->idle) : 0;
}

/* One element of a row with its state. */
struct element {
    float w, m, v;
};

static struct element bias_of(const struct cps_table *self, const float *w)
{
    const float *bias = w + self->plan.factors;
    if (self->plan.optimizer != CPS_OPTIMIZER_ADAM)
        return (struct element){.w = *bias};
    return (struct element){.w = bias[0], .m = bias[self->stride], .v = bias[2 * self->stride]};
}

static void set_bias(const struct cps_table *self, float *w, struct element at)
{
    float *bias = w + self->plan.factors;
    bias[0] = at.w;
    if (self->plan.optimizer == CPS_OPTIMIZER_ADAM) {
        bias[self->stride] = at.m;
        bias[2 * self->stride] = at.v;
    }
}

static void decay_row(float *w, uint32_t stride, float decay)
{
    for (uint32_t j = 0; j < stride; j++)
        w[j] *= decay;
}

/* The effect of steps from+1..to on an idle row; valid until the next call. */
static const struct cps_catch_up *steps_missed(const struct cps_table *self, uint32_t thread, uint64_t from,
                                               uint64_t to)
{
    struct cps_catch_up_cache *cache = self->desks[thread].cache;
    uint64_t gap = to - from;
    bool cached = from > 0 && gap <= CACHED_GAPS;
    size_t place = cached ? gap - 1 : 0;
    if (cached && cache->to[place] == to)
        return &cache->gap[place];
    cache->to[place] = cached ? to : 0;
    cps_steps_catch_up(self->idle, from, to, &cache->gap[place]);
    return &cache->gap[place];
}

/* The steps as the bias of a row sees them. */
static const struct cps_steps *steps_of_bias(const struct cps_table *self, uint32_t row)
{
    if (self->movie_bias_idle && cps_table_key_of(self, row) >= self->plan.user_rows)
        return self->movie_bias_idle;
    return self->bias_idle ? self->bias_idle : self->idle;
}

static struct element bias_caught_up(const struct cps_table *self, uint32_t row, struct element bias,
                                     uint64_t from, uint64_t to)
{
    struct cps_catch_up missed;
    cps_steps_catch_up(steps_of_bias(self, row), from, to, &missed);
    cps_kernels_scalar.catch_up(&bias.w, &bias.m, &bias.v, 1, &missed);
    return bias;
}

static void catch_up(struct cps_table *self, uint32_t thread, uint32_t row, uint64_t from, uint64_t to)
{
    float *w = row_at(self, row);
    struct element bias =
        self->bias_idle ? bias_caught_up(self, row, bias_of(self, w), from, to) : (struct element){0};
    const struct cps_catch_up *missed = steps_missed(self, thread, from, to);
    if (self->plan.optimizer == CPS_OPTIMIZER_ADAM)
        self->kernels->catch_up(w, w + self->stride, w + 2 * self->stride, self->stride, missed);
    else
        decay_row(w, self->stride, missed->decay);
    if (self->bias_idle)
        set_bias(self, w, bias);
}

void cps_table_pull(struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out)
{
    float *w = row_at(self, row);
    if (self->step[row] < step) {
        catch_up(self, thread, row, self->step[row], step);
        self->step[row] = (uint32_t)step;
    }
    memcpy(out, w, self->width * sizeof(float));
}

void cps_table_read(const struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out)
{
    const float *w = row_at(self, row);
    uint64_t from = self->step[row];
    if (from == step) {
        memcpy(out, w, self->width * sizeof(float));
        return;
    }
    float *copy = self->desks[thread].row;
    const struct cps_catch_up *missed = steps_missed(self, thread, from, step);
    if (self->plan.optimizer == CPS_OPTIMIZER_ADAM) {
        self->kernels->peek(w, w + self->stride, w + 2 * self->stride, self->stride, missed, copy);
    } else {
        memcpy(copy, w, self->stride * sizeof(float));
        decay_row(copy, self->stride, missed->decay);
    }
    if (self->bias_idle)
        copy[self->plan.factors] = bias_caught_up(self, row, bias_of(self, w), from, step).w;
    memcpy(out, copy, self->width * sizeof(float));
}

/* Parts of a row that hold a float for each weight: the weights, and Adam's two moments. */
static uint32_t wide_parts(const struct cps_table *self)
{
    return self->plan.optimizer == CPS_OPTIMIZER_ADAM ? 3 : 1;
}

/* Floats after these parts: AdaGrad's two accumulators. */
static uint32_t narrow_floats(const struct cps_table *self)
{
    return self->plan.optimizer == CPS_OPTIMIZER_ADAGRAD ? 2 : 0;
}

void cps_table_pack(const struct cps_table *self, const float *floats, uint32_t step, uint32_t *out)
{
    *out++ = step;
    for (uint32_t part = 0; part < wide_parts(self); part++, out += self->width)
        memcpy(out, floats + (size_t)part * self->stride, self->width * sizeof *out);
    memcpy(out, floats + self->stride, narrow_floats(self) * sizeof *out);
}

bool cps_table_unpack(struct cps_table *self, uint32_t row, uint64_t step, const uint32_t *state)
{
    float *floats = row_at(self, row);
    if (*state > step)
        return false;
    self->step[row] = *state++;
    for (uint32_t part = 0; part < wide_parts(self); part++, state += self->width)
        memcpy(floats + (size_t)part * self->stride, state, self->width * sizeof *state);
    memcpy(floats + self->stride, state, narrow_floats(self) * sizeof *state);
    return true;
}

void cps_table_begin_step(struct cps_table *self, uint64_t step)
{
    self->training = step;
    if (self->plan.optimizer == CPS_OPTIMIZER_ADAM)
        self->adam = cps_steps_coefficients(self->idle, step);
}

static bool train_adam(struct cps_table *self, uint32_t row, uint64_t step, const int64_t *sum)
{
    float *w = row_at(self, row);
    struct element bias = self->bias_idle ? bias_of(self, w) : (struct element){0};
    bool fine = self->kernels->adam(w, w + self->stride, w + 2 * self->stride, sum, self->stride, &self->adam,
                                    &self->fixed);
    if (self->bias_idle) {
        struct cps_adam_step coefficients = cps_steps_coefficients(steps_of_bias(self, row), step);
        fine &= cps_kernels_scalar.adam(&bias.w, &bias.m, &bias.v, sum + self->plan.factors, 1, &coefficients,
                                        &self->fixed);
        set_bias(self, w, bias);
    }
    return fine;
}

/* The decay of a row's bias at a step. */
static float bias_decay(const struct cps_table *self, uint32_t row, uint64_t step)
{
    return cps_steps_coefficients(steps_of_bias(self, row), step).decay;
}

static bool train_sgd(struct cps_table *self, uint32_t row, uint64_t step, const int64_t *sum)
{
    float *w = row_at(self, row);
    float rate = (float)cps_steps_hyper(self->idle, step).lr;
    struct element bias = self->bias_idle ? bias_of(self, w) : (struct element){0};
    bool fine = self->kernels->descend(w, sum, self->stride, cps_steps_coefficients(self->idle, step).decay,
                                       rate, &self->fixed);
    if (self->bias_idle && !self->plan.keeps_biases)
        fine &= cps_kernels_scalar.descend(&bias.w, sum + self->plan.factors, 1, bias_decay(self, row, step),
                                           rate, &self->fixed);
    if (self->bias_idle)
        set_bias(self, w, bias);
    return fine;
}

/* One accumulator per row: h += mean of g² over the row, then SGD with rate lr/sqrt(h) (Duchi et al. 2011 by
 * row, as in FBGEMM's rowwise_adagrad). There the bias is a separate table, so it has its own accumulator here.
 */
static bool train_adagrad(struct cps_table *self, uint32_t row, uint64_t step, int64_t *sum)
{
    float lr = (float)cps_steps_hyper(self->idle, step).lr, *w = row_at(self, row);
    float *history = w + self->stride, *bias = w + self->plan.factors, bias_weight = *bias;
    int64_t *bias_sum = sum + self->plan.factors;
    bool fine = true, has_bias = self->plan.model == CPS_MODEL_BIAS;
    if (has_bias) {
        history[1] += cps_kernels_scalar.square_sum(bias_sum, 1, &self->fixed);
        fine &= cps_kernels_scalar.descend(&bias_weight, bias_sum, 1, bias_decay(self, row, step),
                                           lr / (sqrtf(history[1]) + ADAGRAD_EPSILON), &self->fixed);
        *bias_sum = 0;
    }
    history[0] += self->kernels->square_sum(sum, self->stride, &self->fixed) / (float)self->plan.factors;
    fine &= self->kernels->descend(w, sum, self->stride, cps_steps_coefficients(self->idle, step).decay,
                                   lr / (sqrtf(history[0]) + ADAGRAD_EPSILON), &self->fixed);
    if (has_bias)
        *bias = bias_weight;
    return fine;
}

bool cps_table_train(struct cps_table *self, uint32_t row, int64_t *sum)
{
    self->step[row] = (uint32_t)self->training;
    switch (self->plan.optimizer) {
    case CPS_OPTIMIZER_ADAM:
        return train_adam(self, row, self->training, sum);
    case CPS_OPTIMIZER_SGD:
        return train_sgd(self, row, self->training, sum);
    case CPS_OPTIMIZER_ADAGRAD:
        break;
    }
    return train_adagrad(self, row, self->training, sum);
}

bool cps_table_train_packed(struct cps_table *self, uint32_t thread, uint32_t row, const int64_t *sum)
{
    int64_t *sums = self->desks[thread].sums;
    memcpy(sums, sum, self->width * sizeof *sums);
    memset(sums + self->width, 0, (self->stride - self->width) * sizeof *sums);
    return cps_table_train(self, row, sums);
}

bool cps_table_train_placed(struct cps_table *self, uint32_t thread, uint32_t place, uint32_t row)
{
    const struct cps_table_desk *desk = &self->desks[thread];
    const float *x = desk->placed[place];
    float *w = row_at(self, row);
    if (self->plan.optimizer == CPS_OPTIMIZER_ADAM && !self->bias_idle) {
        self->step[row] = (uint32_t)self->training;
        return self->kernels->adam_single(w, w + self->stride, w + 2 * self->stride, x, self->stride,
                                          &self->adam, &self->fixed);
    }
    memset(desk->sums, 0, self->stride * sizeof *desk->sums);
    bool fits = self->kernels->accumulate(desk->sums, x, 1.0f, self->stride, &self->fixed);
    return cps_table_train(self, row, desk->sums) && fits;
}

void cps_table_place_single(struct cps_table *self, uint32_t thread, uint32_t place, const float *x)
{
    memcpy(self->desks[thread].placed[place], x, self->width * sizeof *x);
}

void cps_table_place_scaled(struct cps_table *self, uint32_t thread, uint32_t place, const float *other,
                            float slope)
{
    float *restrict x = self->desks[thread].placed[place];
    uint32_t factors = self->plan.factors;
    for (uint32_t j = 0; j < factors; j++)
        x[j] = slope * other[j];
    if (self->width > factors)
        x[factors] = slope;
}
