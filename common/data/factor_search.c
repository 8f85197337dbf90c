/*
 * Fits factors; see factor_search.h.
 *
 * Errors are in units of their root mean square, and factors in the root of that, so that all quantities are of
 * the order of 1. Sums are of integers, as those of bias_fit.c: per movie over all ranks, per user local. A
 * step is x += t (sum of error · y - penalty · x) / (1 + t (penalty + sum of |y|²)): gradient descent, which
 * stays within bounds however many ratings a row has.
 */
#include "common/data/factor_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/data/chunks.h"
#include "common/data/penalty_search.h"

enum { FACTORS = 8, TERMS, LEAST_STEPS = 8, MOST_STEPS = 32, MULTIPLES = 7 };

/* Of the noise; and one that no factor survives. */
static const double multiples[MULTIPLES] = {0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1}, none = 1;

/* Errors, and their products with a factor, stay within a range in which 2^32 of them have a sum. */
static const double SCALE = 0x1p20, MOST_ERROR = 64, MOST_WEIGHT = 16;

/* The factors of one table. */
struct weights {
    size_t rows;
    double (*before)[FACTORS], (*now)[FACTORS]; /* a step, and after it */
    int64_t (*terms)[TERMS];                    /* sums over ratings: of error · y, and of |y|² */
};

struct search {
    struct cps_bias_fit *fit;
    const struct cps_baselines *found;
    int steps;
    double rms, penalty, step, start; /* step: of time; start: the size of each initial weight */
    float **error;                    /* [shards][train ratings]: what the biases leave */
    struct weights users, movies;
    struct cps_error_sum sum;
};

static enum cps_status make_weights(struct weights *self, size_t rows)
{
    self->rows = rows;
    CPS_TRY(cps_alloc("factors", rows, sizeof *self->before, &self->before));
    CPS_TRY(cps_alloc("factors", rows, sizeof *self->now, &self->now));
    return cps_alloc("sums of factors", rows, sizeof *self->terms, &self->terms);
}

static void release_weights(struct weights *self)
{
    free(self->before);
    free(self->now);
    free(self->terms);
}

static enum cps_status make_room(struct search *self)
{
    const struct cps_bias_fit *fit = self->fit;
    CPS_TRY(make_weights(&self->users, fit->users.rows));
    CPS_TRY(make_weights(&self->movies, fit->movies.rows));
    CPS_TRY(cps_alloc("errors", fit->count, sizeof *self->error, &self->error));
    for (size_t s = 0; s < fit->count; s++)
        CPS_TRY(cps_alloc("errors", fit->shards[s]->train.count, sizeof **self->error, &self->error[s]));
    return CPS_OK;
}

static void release(struct search *self)
{
    for (size_t s = 0; self->error && s < self->fit->count; s++)
        free(self->error[s]);
    free(self->error);
    release_weights(&self->users);
    release_weights(&self->movies);
}

static double within(double value, double most)
{
    return fmin(fmax(value, -most), most);
}

static void set_errors(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct search *self = context;
    const struct cps_bias_fit *fit = self->fit;
    for (uint64_t i = 0; i < train->count; i++) {
        double biases = fit->users.bias[train->user[i]] + fit->movies.bias[train->movie[i]];
        double error = ((double)train->rating[i] - fit->mean - biases) / self->rms;
        self->error[shard][first + i] = (float)within(error, MOST_ERROR);
    }
}

static double product(const double *x, const double *y)
{
    double sum = 0;
    for (int k = 0; k < FACTORS; k++)
        sum += x[k] * y[k];
    return sum;
}

/* Adds a rating with factors y of the other table. Rounds toward zero, which is the fastest. */
static void add_terms(int64_t *terms, double error, const double *y)
{
    double scaled = within(error, MOST_ERROR) * SCALE;
    for (int k = 0; k < FACTORS; k++)
        terms[k] += (int64_t)(scaled * y[k]);
    terms[FACTORS] += (int64_t)(product(y, y) * SCALE);
}

static void step_rows(struct weights *self, size_t first, size_t end, double step, double penalty)
{
    for (size_t row = first; row < end; row++) {
        const double *before = self->before[row];
        double rate = step / (1 + step * (penalty + (double)self->terms[row][FACTORS] / SCALE));
        for (int k = 0; k < FACTORS; k++) {
            double change = (double)self->terms[row][k] / SCALE - penalty * before[k];
            self->now[row][k] = within(before[k] + rate * change, MOST_WEIGHT);
        }
    }
}

static void clear_terms(struct weights *self)
{
    memset(self->terms, 0, self->rows * sizeof *self->terms);
}

static void end_step(struct weights *self)
{
    memcpy(self->before, self->now, self->rows * sizeof *self->now);
}

/* Moves the users of these samples, all that they have, and adds their terms for the movies. Other users that
 * are moved as well have all their terms already, or are moved again, from the same place, when they have. */
static void step_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct search *self = context;
    struct weights *users = &self->users, *movies = &self->movies;
    const float *error = self->error[shard] + first;
    uint32_t low = UINT32_MAX, high = 0;
    for (uint64_t i = 0; i < train->count; i++) {
        uint32_t user = train->user[i];
        const double *y = movies->before[train->movie[i]];
        low = user < low ? user : low;
        high = user > high ? user : high;
        if (!cps_bias_fit_holds(self->fit, shard, first + i))
            add_terms(users->terms[user], (double)error[i] - product(users->before[user], y), y);
    }
    if (train->count > 0)
        step_rows(users, low, (size_t)high + 1, self->step, self->penalty);
    for (uint64_t i = 0; i < train->count; i++) {
        uint32_t movie = train->movie[i];
        const double *x = users->now[train->user[i]];
        if (!cps_bias_fit_holds(self->fit, shard, first + i))
            add_terms(movies->terms[movie], (double)error[i] - product(x, movies->before[movie]), x);
    }
}

static enum cps_status take_step(struct search *self)
{
    const struct cps_bias_fit *fit = self->fit;
    clear_terms(&self->users);
    clear_terms(&self->movies);
    CPS_TRY(cps_chunks_each(fit->shards, fit->count, true, step_samples, self));
    CPS_TRY(
        fit->sums->add(fit->sums->context, (uint64_t *)(void *)self->movies.terms, self->movies.rows * TERMS));
    step_rows(&self->movies, 0, self->movies.rows, self->step, self->penalty);
    end_step(&self->users);
    end_step(&self->movies);
    return CPS_OK;
}

/* Small weights of either sign; table 0 for users, 1 for movies. */
static void set_start(const struct search *self, struct weights *weights, uint64_t table)
{
    for (size_t row = 0; row < weights->rows; row++) {
        uint64_t bits = cps_random_u64(self->fit->seed, CPS_RANDOM_FACTOR, table << 32 | row);
        for (int k = 0; k < FACTORS; k++)
            weights->before[row][k] = bits >> k & 1 ? self->start : -self->start;
    }
}

static void add_held_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct search *self = context;
    for (uint64_t i = 0; i < train->count; i++) {
        if (!cps_bias_fit_holds(self->fit, shard, first + i))
            continue;
        double predicted = product(self->users.before[train->user[i]], self->movies.before[train->movie[i]]);
        cps_error_sum_add(&self->sum, (double)self->error[shard][first + i] - predicted);
    }
}

/* Adds the errors over the part held out, with factors if the penalty is finite. */
static enum cps_status try_part(struct search *self)
{
    struct cps_bias_fit *fit = self->fit;
    bool has_factors = isfinite(self->penalty);
    CPS_TRY(cps_bias_fit_count(fit));
    CPS_TRY(cps_bias_fit_run(fit, self->found->user_penalty, self->found->movie_penalty, CPS_HELD_OUT_SWEEPS));
    CPS_TRY(cps_chunks_each(fit->shards, fit->count, true, set_errors, self));
    memset(self->users.before, 0, self->users.rows * sizeof *self->users.before);
    if (has_factors) {
        set_start(self, &self->users, 0);
        set_start(self, &self->movies, 1);
    }
    for (int s = 0; has_factors && s < self->steps; s++)
        CPS_TRY(take_step(self));
    return cps_chunks_each(fit->shards, fit->count, true, add_held_samples, self);
}

/* Few ratings need more parts to tell penalties apart, and take less time. */
static uint8_t parts_of(uint64_t ratings)
{
    return ratings < 50000 ? CPS_PARTS : ratings < CPS_MANY_RATINGS ? 2 : 1;
}

static enum cps_status try_penalty(struct search *self, double penalty, double *loss)
{
    struct cps_bias_fit *fit = self->fit;
    uint8_t parts = parts_of(self->found->train_count);
    bool in_range;
    self->penalty = penalty / self->rms;
    self->sum = (struct cps_error_sum){0};
    for (fit->held = 0; fit->held < parts; fit->held++)
        CPS_TRY(try_part(self));
    return cps_error_sums_share(fit, &self->sum, 1, loss, &in_range);
}

static enum cps_status search_multiples(struct search *self, double *out)
{
    static const double slack = 0.0005;                               /* of the loss: what does not yet tell */
    const double gain = 0.001 + 5 / (double)self->found->train_count; /* what factors must be worth */
    double without, best, noise = self->found->noise;
    CPS_TRY(try_penalty(self, INFINITY, &without));
    best = without;
    for (size_t m = 0; m < MULTIPLES; m++) {
        double loss;
        CPS_TRY(try_penalty(self, multiples[m] * noise, &loss));
        if (loss > best * (1 + slack))
            break;
        if (loss < best && loss < without * (1 - gain))
            *out = multiples[m] * noise;
        best = fmin(best, loss);
    }
    return CPS_OK;
}

/* The rate and the initial values of training by sgd in the units used here: a step that has a rate and a batch
 * moves a factor of scores by rate · 2/batch · slope · error · y, on each of its ratings once an epoch. The
 * mean of the rate over a one-cycle schedule is half of the most. */
static void set_pace(struct search *self)
{
    static const double initial = 0.01, factors = 100, usual_step = 0.1;
    const uint64_t *header = self->fit->header;
    double slope = cps_bias_fit_slope(self->fit, self->found->wants_wider);
    double rate = cps_sgd_rate(header[CPS_FIT_TRAIN_COUNT], slope) / 2;
    double time = CPS_SGD_EPOCHS * rate * 2 * slope * self->rms / (double)header[CPS_FIT_BATCH_SIZE];
    self->steps = (int)fmin(fmax(ceil(time / usual_step), LEAST_STEPS), MOST_STEPS);
    self->step = time / self->steps;
    self->start = initial * sqrt(slope / self->rms) * sqrt(factors / FACTORS);
}

enum cps_status cps_factor_search_run(struct cps_bias_fit *self, const struct cps_baselines *found, double rms,
                                      double *out)
{
    struct search search = {.fit = self, .found = found, .rms = rms};
    *out = none * found->noise;
    if (!(rms > 0)) /* the biases explain all, which every rank sees */
        return CPS_OK;
    set_pace(&search);
    enum cps_status status = make_room(&search);
    if (status == CPS_OK)
        status = search_multiples(&search, out);
    release(&search);
    return status;
}
