/* Samples -> sums of errors; see evaluate.h. */
#include "common/inference/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "common/model/residual.h"

enum { CHUNK = 1024 };

const uint32_t cps_seen_from[CPS_SEEN_BUCKETS] = {0, 1, 5, 10, 20, 50, 100, 200};

double cps_error_mse(const struct cps_error_sum *self)
{
    return self->count ? cps_loss_value(self->squared) / (double)self->count : (double)NAN;
}

double cps_error_mae(const struct cps_error_sum *self)
{
    return self->count ? self->absolute / (double)self->count : (double)NAN;
}

static void add(struct cps_error_sum *sum, float error)
{
    sum->count++;
    sum->squared += cps_loss_of(error);
    sum->absolute += fabs((double)error);
}

/* ---- buckets ---- */

/* Collects up to CPS_RATING_BUCKETS distinct ratings in order; false if there are more. */
static bool find_different(const struct cps_samples *samples, struct cps_evaluation *out)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        float rating = samples->rating[i];
        uint32_t at = 0;
        while (at < out->rating_buckets && out->rating_low[at] < rating)
            at++;
        if (at < out->rating_buckets && out->rating_low[at] == rating)
            continue;
        if (out->rating_buckets == CPS_RATING_BUCKETS)
            return false;
        for (uint32_t j = out->rating_buckets++; j > at; j--)
            out->rating_low[j] = out->rating_low[j - 1];
        out->rating_low[at] = rating;
    }
    for (uint32_t b = 0; b < out->rating_buckets; b++)
        out->rating_high[b] = out->rating_low[b];
    return true;
}

static void divide_range(const struct cps_samples *samples, struct cps_evaluation *out)
{
    float low = samples->rating[0], high = low;
    for (uint64_t i = 1; i < samples->count; i++) {
        low = fminf(low, samples->rating[i]);
        high = fmaxf(high, samples->rating[i]);
    }
    out->rating_buckets = CPS_RATING_BUCKETS;
    for (uint32_t b = 0; b < CPS_RATING_BUCKETS; b++) {
        out->rating_low[b] = low + (high - low) * (float)b / CPS_RATING_BUCKETS;
        out->rating_high[b] = low + (high - low) * (float)(b + 1) / CPS_RATING_BUCKETS;
    }
    out->rating_high[CPS_RATING_BUCKETS - 1] = high;
}

static uint32_t rating_bucket(const struct cps_evaluation *self, float rating)
{
    uint32_t bucket = 0;
    while (bucket + 1 < self->rating_buckets && self->rating_low[bucket + 1] <= rating)
        bucket++;
    return bucket;
}

static uint32_t seen_bucket(uint32_t times)
{
    uint32_t bucket = 0;
    while (bucket + 1 < CPS_SEEN_BUCKETS && cps_seen_from[bucket + 1] <= times)
        bucket++;
    return bucket;
}

/* ---- errors ---- */

struct chunk {
    uint32_t user[CHUNK], movie[CHUNK]; /* keys */
    float score[CHUNK];
};

static void take(struct chunk *self, const struct cps_trained *model, const struct cps_samples *samples,
                 const struct cps_row_map *map, uint64_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        self->user[i] = map->user[samples->user[first + i]];
        self->movie[i] = cps_plan_movie_key(&model->plan, map->movie[samples->movie[first + i]]);
    }
    cps_trained_scores(model, self->user, self->movie, count, self->score);
}

static enum cps_status book(struct cps_evaluation *out, const struct cps_trained *model,
                            const struct chunk *chunk, const float *rating, size_t count,
                            const struct cps_rated *rated)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t user = chunk->user[i], movie = chunk->movie[i] - model->plan.user_rows;
        float error = cps_predict(&model->plan, chunk->score[i]) - rating[i];
        if (!(fabsf(error) < 0x1p20f))
            return cps_fail(CPS_ERR_DATA, "the model's error is %g for a rating of %g", (double)error,
                            (double)rating[i]);
        add(&out->total, error);
        add(&out->by_rating[rating_bucket(out, rating[i])], error);
        out->unknown += user == 0 || movie == 0;
        if (rated) {
            add(&out->by_user[seen_bucket(rated->user_counts[user])], error);
            add(&out->by_movie[seen_bucket(rated->movie_counts[movie])], error);
        }
    }
    return CPS_OK;
}

enum cps_status cps_evaluate(const struct cps_trained *model, const struct cps_samples *samples,
                             const struct cps_row_map *map, const struct cps_rated *rated,
                             struct cps_evaluation *out)
{
    struct chunk chunk;
    *out = (struct cps_evaluation){0};
    if (samples->count && !find_different(samples, out))
        divide_range(samples, out);
    for (uint64_t first = 0; first < samples->count; first += CHUNK) {
        size_t count = samples->count - first < CHUNK ? (size_t)(samples->count - first) : CHUNK;
        take(&chunk, model, samples, map, first, count);
        CPS_TRY(book(out, model, &chunk, samples->rating + first, count, rated));
    }
    return CPS_OK;
}
