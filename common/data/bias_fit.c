/* Fits biases; see bias_fit.h. */
#include "common/data/bias_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/chunks.h"
#include "common/data/stored.h"
#include "common/data/units.h"

enum { LIMBS = 4 }; /* of a 128-bit loss: a sum over ranks cannot overflow them */

static void put_range(struct cps_bias_fit *self, const struct cps_penalty_search *search)
{
    float range[2] = {search->range_low, search->range_high};
    self->header[CPS_FIT_BATCH_SIZE] = search->batch_size;
    if (search->has_range)
        self->header[CPS_FIT_HAS_RANGE] = search->may_widen ? CPS_RANGE_MAY_WIDEN : CPS_RANGE_STAYS;
    memcpy(&self->header[CPS_FIT_RANGE], range, sizeof range);
}

static void sum_ratings(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct cps_bias_fit *self = context;
    double scale = ldexp(1.0, (int)cps_unit_bits(self->shards[shard]));
    (void)first;
    for (uint64_t i = 0; i < train->count; i++)
        self->header[CPS_FIT_RATING_SUM] += (uint64_t)cps_to_units((double)train->rating[i], scale);
}

/* The sum of a stored set is known already, on every rank. */
static enum cps_status add_rating_sums(struct cps_bias_fit *self, const struct cps_dataset *overview)
{
    if (overview && overview->stored)
        self->header[CPS_FIT_RATING_SUM] = overview->stored->train_units;
    if (self->count > 0 && self->shards[0]->stored)
        return CPS_OK;
    return cps_chunks_each(self->shards, self->count, true, sum_ratings, self);
}

enum cps_status cps_bias_fit_begin(struct cps_bias_fit *self, const struct cps_dataset *overview,
                                   const struct cps_penalty_search *search)
{
    if (overview && search)
        put_range(self, search);
    if (overview) {
        self->header[CPS_FIT_USER_ROWS] = overview->users.rows;
        self->header[CPS_FIT_MOVIE_ROWS] = overview->movies.rows;
        self->header[CPS_FIT_TRAIN_COUNT] = overview->train_count;
        self->header[CPS_FIT_VALID_COUNT] = overview->valid_count;
        self->header[CPS_FIT_UNIT_BITS] = cps_unit_bits(overview);
    }
    CPS_TRY(add_rating_sums(self, overview));
    CPS_TRY(self->sums->add(self->sums->context, self->header, CPS_FIT_HEADER));
    self->scale = ldexp(1.0, (int)self->header[CPS_FIT_UNIT_BITS]);
    self->mean = (double)(int64_t)self->header[CPS_FIT_RATING_SUM] / self->scale /
                 (double)self->header[CPS_FIT_TRAIN_COUNT];
    return CPS_OK;
}

static enum cps_status make_side(struct cps_bias_side *self, size_t rows)
{
    self->rows = rows;
    CPS_TRY(cps_alloc("biases", rows, sizeof *self->bias, &self->bias));
    CPS_TRY(cps_alloc("biases", rows, sizeof *self->unit, &self->unit));
    CPS_TRY(cps_alloc("sums of ratings", rows, sizeof *self->above, &self->above));
    CPS_TRY(cps_alloc("sums of ratings", rows, sizeof *self->sum, &self->sum));
    return cps_alloc("counts of ratings", rows, sizeof *self->count, &self->count);
}

static void release_side(struct cps_bias_side *self)
{
    free(self->above);
    free(self->unit);
    free(self->sum);
    free(self->bias);
    free(self->count);
}

enum cps_status cps_bias_fit_make_room(struct cps_bias_fit *self)
{
    size_t movies = self->header[CPS_FIT_MOVIE_ROWS];
    CPS_TRY(make_side(&self->users, self->count ? self->shards[0]->users.rows : 0));
    CPS_TRY(make_side(&self->movies, movies));
    return cps_alloc("sums of movies", 2 * movies, sizeof *self->exchanged, &self->exchanged);
}

void cps_bias_fit_release(struct cps_bias_fit *self)
{
    release_side(&self->users);
    release_side(&self->movies);
    free(self->exchanged);
}

static void count_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct cps_bias_fit *self = context;
    struct cps_bias_side *users = &self->users;
    uint64_t *above = self->exchanged, *count = above + self->movies.rows;
    int64_t mean = cps_to_units(self->mean, self->scale);
    for (uint64_t i = 0; i < train->count; i++) {
        if (cps_bias_fit_holds(self, shard, first + i))
            continue;
        int64_t left = cps_to_units((double)train->rating[i], self->scale) - mean;
        users->above[train->user[i]] += left;
        users->count[train->user[i]]++;
        above[train->movie[i]] += (uint64_t)left;
        count[train->movie[i]]++;
    }
}

/* How far each row's ratings lie above the mean in all, and how many there are. */
enum cps_status cps_bias_fit_count(struct cps_bias_fit *self)
{
    struct cps_bias_side *users = &self->users, *movies = &self->movies;
    uint64_t *above = self->exchanged, *count = above + movies->rows;
    memset(self->exchanged, 0, 2 * movies->rows * sizeof *self->exchanged);
    memset(users->above, 0, users->rows * sizeof *users->above);
    memset(users->count, 0, users->rows * sizeof *users->count);
    CPS_TRY(cps_chunks_each(self->shards, self->count, true, count_samples, self));
    CPS_TRY(self->sums->add(self->sums->context, self->exchanged, 2 * movies->rows));
    memcpy(movies->above, above, movies->rows * sizeof *above);
    memcpy(movies->count, count, movies->rows * sizeof *count);
    return CPS_OK;
}

double cps_slope_at_mean(bool has_range, float range_low, float range_high, double mean)
{
    static const double least = 0.15; /* of the slope in the middle of the range, 1/4: 0.6 of it */
    double size = (double)range_high - (double)range_low, share = (mean - (double)range_low) / size;
    double slope = share * (1 - share);
    return has_range ? size * (slope > least ? slope : least) : 1;
}

void cps_widen_range(float *low, float *high)
{
    float width = *high - *low;
    *low -= width;
    *high += width;
}

double cps_bias_fit_slope(const struct cps_bias_fit *self, bool widened)
{
    float range[2];
    memcpy(range, &self->header[CPS_FIT_RANGE], sizeof range);
    if (widened)
        cps_widen_range(&range[0], &range[1]);
    return cps_slope_at_mean(self->header[CPS_FIT_HAS_RANGE] != 0, range[0], range[1], self->mean);
}

unsigned cps_level_of(uint64_t count)
{
    return count < 2 ? (unsigned)count : 65 - (unsigned)__builtin_clzll(count - 1);
}

/* What is left of a row's ratings, summed, when the other side's biases are taken off. */
static double left_of(const struct cps_bias_side *self, size_t row, double scale)
{
    return (double)(self->above[row] - self->sum[row]) / scale;
}

/* Of rows [first, end), from the sums of a sweep. */
static void set_biases(struct cps_bias_side *self, size_t first, size_t end, double scale, double penalty)
{
    for (size_t row = first; row < end; row++) {
        double count = (double)self->count[row], level = self->level[cps_level_of(self->count[row])];
        self->bias[row] = level + (left_of(self, row, scale) - count * level) / (count + penalty);
        self->unit[row] = cps_to_units(self->bias[row], scale);
    }
}

/* Numerators and denominators of the levels, in units. */
struct level_terms {
    uint64_t above[CPS_LEVELS], weight[CPS_LEVELS];
};

static const double WEIGHT_SCALE = 0x1p30;

static void add_level_terms(const struct cps_bias_side *self, double scale, double penalty,
                            struct level_terms *terms)
{
    for (size_t row = 0; row < self->rows; row++) {
        unsigned level = cps_level_of(self->count[row]);
        double count = (double)self->count[row];
        if (level == 0)
            continue;
        terms->above[level] += (uint64_t)cps_to_units(left_of(self, row, scale) / (count + penalty), scale);
        terms->weight[level] += (uint64_t)cps_to_units(count / (count + penalty), WEIGHT_SCALE);
    }
}

/* Means of rows, each weighted by how far its own ratings count, and of one row more that has the level above.
 */
static void set_levels(struct cps_bias_side *self, double scale, const struct level_terms *terms)
{
    double above = 0;
    for (unsigned level = CPS_LEVELS; level-- > 0;) {
        double sum = (double)(int64_t)terms->above[level] / scale;
        double weight = (double)terms->weight[level] / WEIGHT_SCALE;
        above = self->level[level] = (sum + above) / (weight + 1);
    }
}

/* The ratings of movies are added up on every rank, those of users are not. */
static void find_movie_levels(struct cps_bias_fit *self)
{
    struct level_terms terms = {0};
    add_level_terms(&self->movies, self->scale, self->movie_penalty, &terms);
    set_levels(&self->movies, self->scale, &terms);
}

static enum cps_status find_user_levels(struct cps_bias_fit *self)
{
    struct level_terms terms = {0};
    add_level_terms(&self->users, self->scale, self->user_penalty, &terms);
    CPS_TRY(self->sums->add(self->sums->context, terms.above, CPS_LEVELS));
    CPS_TRY(self->sums->add(self->sums->context, terms.weight, CPS_LEVELS));
    set_levels(&self->users, self->scale, &terms);
    return CPS_OK;
}

/* Sets the biases of the users who have these samples, all of them, and maybe of others, whose sums are
 * complete already or are not yet used. */
static void set_users(struct cps_bias_fit *self, const struct cps_samples *train)
{
    uint32_t low = UINT32_MAX, high = 0;
    for (uint64_t i = 0; i < train->count; i++) {
        low = train->user[i] < low ? train->user[i] : low;
        high = train->user[i] > high ? train->user[i] : high;
    }
    if (train->count > 0)
        set_biases(&self->users, low, (size_t)high + 1, self->scale, self->user_penalty);
}

/* Fits the users of these samples, all that they have, to the movies, and adds up their units for the movies.
 */
static void sweep_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct cps_bias_fit *self = context;
    for (uint64_t i = 0; i < train->count; i++)
        if (!cps_bias_fit_holds(self, shard, first + i))
            self->users.sum[train->user[i]] += self->movies.unit[train->movie[i]];
    set_users(self, train);
    for (uint64_t i = 0; i < train->count; i++)
        if (!cps_bias_fit_holds(self, shard, first + i))
            self->movies.sum[train->movie[i]] += self->users.unit[train->user[i]];
}

static void clear_sums(struct cps_bias_side *self)
{
    memset(self->sum, 0, self->rows * sizeof *self->sum);
}

/* Fits movies to users, then users to movies. The sums of movies, and the levels of users, are those of the
 * last sweep. */
static enum cps_status sweep(struct cps_bias_fit *self)
{
    CPS_TRY(self->sums->add(self->sums->context, (uint64_t *)(void *)self->movies.sum, self->movies.rows));
    if (self->leveled)
        find_movie_levels(self);
    set_biases(&self->movies, 0, self->movies.rows, self->scale, self->movie_penalty);
    clear_sums(&self->users);
    clear_sums(&self->movies);
    CPS_TRY(cps_chunks_each(self->shards, self->count, true, sweep_samples, self));
    return self->leveled ? find_user_levels(self) : CPS_OK;
}

enum cps_status cps_bias_fit_run(struct cps_bias_fit *self, double user_penalty, double movie_penalty,
                                 int sweeps)
{
    self->user_penalty = user_penalty;
    self->movie_penalty = movie_penalty;
    memset(self->users.level, 0, sizeof self->users.level);
    memset(self->movies.level, 0, sizeof self->movies.level);
    memset(self->users.bias, 0, self->users.rows * sizeof *self->users.bias); /* a sweep may skip empty rows */
    clear_sums(&self->movies);                                                /* users begin at 0 */
    for (int s = 0; s < sweeps; s++)
        CPS_TRY(sweep(self));
    if (self->leveled) /* also users without ratings */
        set_biases(&self->users, 0, self->users.rows, self->scale, self->user_penalty);
    return CPS_OK;
}

enum cps_status cps_bias_fit_share(struct cps_bias_fit *self, double *biases)
{
    size_t users = self->header[CPS_FIT_USER_ROWS];
    uint64_t *units;
    CPS_TRY(cps_alloc("biases", users, sizeof *units, &units));
    double level = self->users.level[0];
    for (size_t row = 0; row < self->users.rows; row++)
        if (self->users.count[row] > 0)
            units[row] = (uint64_t)cps_to_units(self->users.bias[row] - level, self->scale);
    enum cps_status status = self->sums->add(self->sums->context, units, users);
    for (size_t row = 0; row < users; row++)
        biases[row] = level + (double)(int64_t)units[row] / self->scale;
    memcpy(biases + users, self->movies.bias, self->movies.rows * sizeof *biases);
    free(units);
    return status;
}

void cps_error_sum_add(struct cps_error_sum *self, double error)
{
    float rounded = (float)error;
    if (fabsf(rounded) < 0x1p20f)
        self->sum += cps_loss_of(rounded);
    else
        self->out_of_range++;
}

static void put_limbs(cps_int128 sum, uint64_t limbs[LIMBS])
{
    for (int l = 0; l < LIMBS; l++)
        limbs[l] = (uint32_t)((unsigned __int128)sum >> 32 * l);
}

static double take_limbs(const uint64_t limbs[LIMBS])
{
    unsigned __int128 sum = 0;
    for (int l = 0; l < LIMBS; l++)
        sum += (unsigned __int128)limbs[l] << 32 * l;
    return cps_loss_value((cps_int128)sum);
}

enum cps_status cps_error_sums_share(const struct cps_bias_fit *self, const struct cps_error_sum *sums,
                                     size_t count, double *losses, bool *in_range)
{
    *in_range = true;
    for (size_t s = 0; s < count; s++) {
        uint64_t values[LIMBS + 1];
        put_limbs(sums[s].sum, values);
        values[LIMBS] = sums[s].out_of_range;
        CPS_TRY(self->sums->add(self->sums->context, values, LIMBS + 1));
        losses[s] = take_limbs(values);
        *in_range &= values[LIMBS] == 0;
    }
    return CPS_OK;
}
