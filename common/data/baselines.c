/*
 * Fits the baselines; see baselines.h.
 *
 * All ratings of a user are in one shard, those of a movie in many. So sums per movie are reduced over all
 * ranks, sums per user are local, and each round costs one reduction of one number per movie. Ratings and
 * biases are rounded to units first, so that a round is one addition of integers per rating.
 */
#include "common/data/baselines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/base/random.h"
#include "common/data/chunks.h"
#include "common/data/stored.h"
#include "common/data/units.h"
#include "common/model/exact.h"

/* Values that one rank contributes and all ranks need first, exchanged as sums with one nonzero term. */
enum { USER_ROWS, MOVIE_ROWS, TRAIN_COUNT, VALID_COUNT, RATING_SUM, UNIT_BITS, HAS_RANGE, RANGE, HEADER };
/* Two 128-bit losses, in limbs that a sum over ranks cannot overflow, the number of errors out of range, and
 * that of ratings held out. */
enum { LIMBS = 4, OUT_OF_RANGE = 2 * LIMBS, COUNTED, LOSSES };

/* The rows of one table. Whole units, so that a sweep adds nothing but integers, in any order. */
struct side {
    size_t rows;
    int64_t *above, *unit; /* what its ratings are above the mean, summed; the bias, in units */
    int64_t *sum;          /* of a sweep */
    double *bias;
    uint64_t *count; /* ratings */
};

struct fit {
    const struct cps_dataset *const *shards;
    size_t count;
    const struct cps_rank_sums *sums;
    uint64_t header[HEADER];
    double scale, mean;        /* sums are in units of 1/scale */
    struct side users, movies; /* movies: over all ranks, users: of this one's shards */
    uint64_t *exchanged;       /* [2 movies] */
    double user_penalty, movie_penalty;
    uint64_t seed;
    uint8_t **part; /* [count][train ratings]: each one's part in cross-validation; NULL: none */
    uint8_t held;   /* the part left out of a fit */
};

static void put_range(struct fit *self, const struct cps_penalty_search *search)
{
    float range[2] = {search->range_low, search->range_high};
    self->header[HAS_RANGE] = search->has_range;
    memcpy(&self->header[RANGE], range, sizeof range);
}

static void sum_ratings(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct fit *self = context;
    double scale = ldexp(1.0, (int)cps_unit_bits(self->shards[shard]));
    (void)first;
    for (uint64_t i = 0; i < train->count; i++)
        self->header[RATING_SUM] += (uint64_t)cps_to_units((double)train->rating[i], scale);
}

/* The sum of a stored set is known already, on every rank. */
static enum cps_status add_rating_sums(struct fit *self, const struct cps_dataset *overview)
{
    if (overview && overview->stored)
        self->header[RATING_SUM] = overview->stored->train_units;
    if (self->count > 0 && self->shards[0]->stored)
        return CPS_OK;
    return cps_chunks_each(self->shards, self->count, true, sum_ratings, self);
}

static enum cps_status share_header(struct fit *self, const struct cps_dataset *overview,
                                    const struct cps_penalty_search *search)
{
    if (overview && search)
        put_range(self, search);
    if (overview) {
        self->header[USER_ROWS] = overview->users.rows;
        self->header[MOVIE_ROWS] = overview->movies.rows;
        self->header[TRAIN_COUNT] = overview->train_count;
        self->header[VALID_COUNT] = overview->valid_count;
        self->header[UNIT_BITS] = cps_unit_bits(overview);
    }
    CPS_TRY(add_rating_sums(self, overview));
    CPS_TRY(self->sums->add(self->sums->context, self->header, HEADER));
    self->scale = ldexp(1.0, (int)self->header[UNIT_BITS]);
    self->mean = (double)(int64_t)self->header[RATING_SUM] / self->scale / (double)self->header[TRAIN_COUNT];
    return CPS_OK;
}

static enum cps_status make_side(struct side *self, size_t rows)
{
    self->rows = rows;
    CPS_TRY(cps_alloc("biases", rows, sizeof *self->bias, &self->bias));
    CPS_TRY(cps_alloc("biases", rows, sizeof *self->unit, &self->unit));
    CPS_TRY(cps_alloc("sums of ratings", rows, sizeof *self->above, &self->above));
    CPS_TRY(cps_alloc("sums of ratings", rows, sizeof *self->sum, &self->sum));
    return cps_alloc("counts of ratings", rows, sizeof *self->count, &self->count);
}

static void release_side(struct side *self)
{
    free(self->above);
    free(self->unit);
    free(self->sum);
    free(self->bias);
    free(self->count);
}

static enum cps_status make_room(struct fit *self)
{
    size_t movies = self->header[MOVIE_ROWS];
    CPS_TRY(make_side(&self->users, self->count ? self->shards[0]->users.rows : 0));
    CPS_TRY(make_side(&self->movies, movies));
    return cps_alloc("sums of movies", 2 * movies, sizeof *self->exchanged, &self->exchanged);
}

static void release(struct fit *self)
{
    release_side(&self->users);
    release_side(&self->movies);
    free(self->exchanged);
}

static bool is_held(const struct fit *self, size_t shard, uint64_t rating)
{
    return self->part && self->part[shard][rating] == self->held;
}

static void count_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct fit *self = context;
    struct side *users = &self->users;
    uint64_t *above = self->exchanged, *count = above + self->movies.rows;
    int64_t mean = cps_to_units(self->mean, self->scale);
    for (uint64_t i = 0; i < train->count; i++) {
        if (is_held(self, shard, first + i))
            continue;
        int64_t left = cps_to_units((double)train->rating[i], self->scale) - mean;
        users->above[train->user[i]] += left;
        users->count[train->user[i]]++;
        above[train->movie[i]] += (uint64_t)left;
        count[train->movie[i]]++;
    }
}

/* How far each row's ratings lie above the mean in all, and how many there are. */
static enum cps_status count_ratings(struct fit *self)
{
    struct side *users = &self->users, *movies = &self->movies;
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

/* Of rows [first, end), from the sums of a sweep: what the other side's biases take off each row. */
static void set_biases(struct side *self, size_t first, size_t end, double scale, double penalty)
{
    for (size_t row = first; row < end; row++) {
        self->bias[row] =
            (double)(self->above[row] - self->sum[row]) / scale / ((double)self->count[row] + penalty);
        self->unit[row] = cps_to_units(self->bias[row], scale);
    }
}

/* Sets the biases of the users who have these samples, all of them, and maybe of others, whose sums are
 * complete already or are not yet used. */
static void set_users(struct fit *self, const struct cps_samples *train)
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
    struct fit *self = context;
    for (uint64_t i = 0; i < train->count; i++)
        if (!is_held(self, shard, first + i))
            self->users.sum[train->user[i]] += self->movies.unit[train->movie[i]];
    set_users(self, train);
    for (uint64_t i = 0; i < train->count; i++)
        if (!is_held(self, shard, first + i))
            self->movies.sum[train->movie[i]] += self->users.unit[train->user[i]];
}

static void clear_sums(struct side *self)
{
    memset(self->sum, 0, self->rows * sizeof *self->sum);
}

/* Fits movies to users, then users to movies. The sums of movies are those of the last sweep. */
static enum cps_status sweep(struct fit *self)
{
    CPS_TRY(self->sums->add(self->sums->context, (uint64_t *)(void *)self->movies.sum, self->movies.rows));
    set_biases(&self->movies, 0, self->movies.rows, self->scale, self->movie_penalty);
    clear_sums(&self->users);
    clear_sums(&self->movies);
    return cps_chunks_each(self->shards, self->count, true, sweep_samples, self);
}

/* Adds the loss of one prediction to its limbs. */
static void add_loss(cps_int128 *sum, uint64_t *out_of_range, double error)
{
    float rounded = (float)error;
    if (fabsf(rounded) < 0x1p20f)
        *sum += cps_loss_of(rounded);
    else
        ++*out_of_range;
}

static void put_limbs(cps_int128 sum, uint64_t limbs[LIMBS])
{
    for (int l = 0; l < LIMBS; l++)
        limbs[l] = (uint32_t)((unsigned __int128)sum >> 32 * l);
}

static cps_int128 take_limbs(const uint64_t limbs[LIMBS])
{
    unsigned __int128 sum = 0;
    for (int l = 0; l < LIMBS; l++)
        sum += (unsigned __int128)limbs[l] << 32 * l;
    return (cps_int128)sum;
}

/* Sums of losses on this rank. */
struct losses {
    const struct fit *fit;
    const struct squeeze *squeeze;
    cps_int128 of_mean, of_biases;
    uint64_t out_of_range, count;
};

static void add_losses(void *context, size_t shard, uint64_t first, const struct cps_samples *valid)
{
    struct losses *self = context;
    const struct fit *fit = self->fit;
    (void)shard, (void)first;
    for (uint64_t i = 0; i < valid->count; i++) {
        double error = fit->mean - (double)valid->rating[i];
        add_loss(&self->of_mean, &self->out_of_range, error);
        error += fit->users.bias[valid->user[i]] + fit->movies.bias[valid->movie[i]];
        add_loss(&self->of_biases, &self->out_of_range, error);
    }
}

static enum cps_status find_losses(struct fit *self, struct cps_baselines *out)
{
    struct losses losses = {.fit = self};
    uint64_t values[LOSSES] = {0};
    CPS_TRY(cps_chunks_each(self->shards, self->count, false, add_losses, &losses));
    put_limbs(losses.of_mean, values);
    put_limbs(losses.of_biases, values + LIMBS);
    values[OUT_OF_RANGE] = losses.out_of_range;
    CPS_TRY(self->sums->add(self->sums->context, values, LOSSES));
    out->has_losses = values[OUT_OF_RANGE] == 0;
    out->mean_loss = cps_loss_value(take_limbs(values)) / (double)self->header[VALID_COUNT];
    out->biases_loss = cps_loss_value(take_limbs(values + LIMBS)) / (double)self->header[VALID_COUNT];
    return CPS_OK;
}

static enum cps_status fit_biases(struct fit *self, double user_penalty, double movie_penalty, int sweeps)
{
    self->user_penalty = user_penalty;
    self->movie_penalty = movie_penalty;
    clear_sums(&self->movies); /* users begin at 0 */
    for (int s = 0; s < sweeps; s++)
        CPS_TRY(sweep(self));
    return CPS_OK;
}

/* ---- the penalties ---- */

double cps_slope_at_mean(bool has_range, float range_low, float range_high, double mean)
{
    static const double least = 0.15; /* of the slope in the middle of the range, 1/4: 0.6 of it */
    double size = (double)range_high - (double)range_low, share = (mean - (double)range_low) / size;
    double slope = share * (1 - share);
    return has_range ? size * (slope > least ? slope : least) : 1;
}

enum { PARTS = 5, HELD_OUT_SWEEPS = 3, PENALTIES = 10, FIRST_PENALTY = 3 };
static const double penalties[PENALTIES] = {1, 1.5, 2, 3, 4, 6, 8, 12, 18, 27};

/* One part of this many ratings tells penalties apart. */
static const uint64_t MANY_RATINGS = 2000000;

static void cut_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct fit *self = context;
    for (uint64_t i = 0; i < train->count; i++)
        self->part[shard][first + i] =
            (uint8_t)(cps_random_u64(self->seed, CPS_RANDOM_PENALTY,
                                     (uint64_t)train->user[i] << 32 | train->movie[i]) %
                      PARTS);
}

/* Cuts the training ratings into parts, whatever rank they are on. */
static enum cps_status cut(struct fit *self, uint64_t seed)
{
    self->seed = seed;
    CPS_TRY(cps_alloc("parts of ratings", self->count, sizeof *self->part, &self->part));
    for (size_t s = 0; s < self->count; s++)
        CPS_TRY(cps_alloc("parts of ratings", self->shards[s]->train.count, 1, &self->part[s]));
    return cps_chunks_each(self->shards, self->count, true, cut_samples, self);
}

static void put_together(struct fit *self)
{
    for (size_t s = 0; self->part && s < self->count; s++)
        free(self->part[s]);
    free(self->part);
    self->part = NULL;
}

/* mean + biases, and the same squeezed into the range as a model would. */
struct squeeze {
    float range[2];
    double slope, offset;
};

static struct squeeze squeeze_of(const struct fit *self)
{
    struct squeeze squeeze = {.slope = 1};
    memcpy(squeeze.range, &self->header[RANGE], sizeof squeeze.range);
    double low = (double)squeeze.range[0], size = (double)squeeze.range[1] - low;
    double share = fmin(fmax((self->mean - low) / size, 1e-3), 1 - 1e-3);
    if (!self->header[HAS_RANGE])
        return squeeze;
    squeeze.slope = cps_slope_at_mean(true, squeeze.range[0], squeeze.range[1], self->mean);
    squeeze.offset = cps_ln(share) - cps_ln(1 - share);
    return squeeze;
}

static double squeezed(const struct squeeze *self, double biases)
{
    double low = (double)self->range[0], size = (double)self->range[1] - low;
    return low + size / (1 + cps_exp(-(self->offset + biases / self->slope)));
}

/* Sums of squared errors over ratings held out: of mean + biases, and of the same in the range. */
struct held_out {
    double linear, squeezed;
    uint64_t count;
};

/* of_mean is the sum for mean + biases here, of_biases that of the same in the range. */
static void add_held_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct losses *self = context;
    const struct fit *fit = self->fit;
    for (uint64_t i = 0; i < train->count; i++) {
        if (!is_held(fit, shard, first + i))
            continue;
        double biases = fit->users.bias[train->user[i]] + fit->movies.bias[train->movie[i]];
        double rating = (double)train->rating[i];
        self->count++;
        add_loss(&self->of_mean, &self->out_of_range, fit->mean + biases - rating);
        if (fit->header[HAS_RANGE])
            add_loss(&self->of_biases, &self->out_of_range, squeezed(self->squeeze, biases) - rating);
    }
}

/* Adds the errors over the part held out. */
static enum cps_status add_held_out(struct fit *self, struct held_out *out)
{
    const struct squeeze squeeze = squeeze_of(self);
    struct losses losses = {.fit = self, .squeeze = &squeeze};
    uint64_t values[LOSSES] = {0};
    CPS_TRY(cps_chunks_each(self->shards, self->count, true, add_held_samples, &losses));
    put_limbs(losses.of_mean, values);
    put_limbs(losses.of_biases, values + LIMBS);
    values[OUT_OF_RANGE] = losses.out_of_range;
    values[COUNTED] = losses.count;
    CPS_TRY(self->sums->add(self->sums->context, values, LOSSES));
    out->linear += cps_loss_value(take_limbs(values));
    out->squeezed += cps_loss_value(take_limbs(values + LIMBS));
    out->count += values[COUNTED];
    return CPS_OK;
}

/* Which of the penalties, for users and for movies, and what they came to; linear is 0 until tried. */
struct search {
    struct held_out losses[PENALTIES][PENALTIES];
    size_t user, movie;
};

static enum cps_status try_penalties(struct fit *self, struct search *search, size_t user, size_t movie)
{
    struct held_out *losses = &search->losses[user][movie];
    uint8_t parts = self->header[TRAIN_COUNT] < MANY_RATINGS ? PARTS : 1;
    if (losses->linear > 0)
        return CPS_OK;
    for (self->held = 0; self->held < parts; self->held++) {
        CPS_TRY(count_ratings(self));
        CPS_TRY(fit_biases(self, penalties[user], penalties[movie], HELD_OUT_SWEEPS));
        CPS_TRY(add_held_out(self, losses));
    }
    return CPS_OK;
}

/* Moves to penalties that are a step away for users, for movies or for both, if these are better. */
static enum cps_status try_step(struct fit *self, struct search *search, int users, int movies, bool *moved)
{
    size_t user = search->user + (size_t)users, movie = search->movie + (size_t)movies;
    if (user >= PENALTIES || movie >= PENALTIES) /* below 0 wraps around */
        return CPS_OK;
    CPS_TRY(try_penalties(self, search, user, movie));
    if (search->losses[user][movie].linear >= search->losses[search->user][search->movie].linear)
        return CPS_OK;
    search->user = user;
    search->movie = movie;
    *moved = true;
    return CPS_OK;
}

/* Steps while one of these directions, and its opposite, lowers the loss. */
static enum cps_status descend(struct fit *self, struct search *search, const int (*directions)[2],
                               size_t count)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t d = 0; d < count; d++) {
            CPS_TRY(try_step(self, search, directions[d][0], directions[d][1], &moved));
            CPS_TRY(try_step(self, search, -directions[d][0], -directions[d][1], &moved));
        }
    }
    return CPS_OK;
}

/* The most ratings that a user has. Of a maximum over ranks, sums tell one bit at a time. */
static enum cps_status most_of_a_user(struct fit *self, uint64_t *out)
{
    *out = 0;
    for (int bit = 31; bit >= 0; bit--) {
        uint64_t tried = *out | (uint64_t)1 << bit, reached = 0;
        for (size_t row = 0; row < self->users.rows; row++)
            reached += self->users.count[row] >= tried;
        CPS_TRY(self->sums->add(self->sums->context, &reached, 1));
        if (reached > 0)
            *out = tried;
    }
    return CPS_OK;
}

static uint64_t most_of_a_movie(const struct fit *self)
{
    uint64_t most = 0;
    for (size_t row = 0; row < self->movies.rows; row++)
        most = self->movies.count[row] > most ? self->movies.count[row] : most;
    return most;
}

/* From the errors on ratings held out: see baselines.h. */
static enum cps_status find_noise(struct fit *self, const struct held_out *errors, double *out)
{
    uint64_t user;
    self->held = PARTS; /* none */
    CPS_TRY(count_ratings(self));
    CPS_TRY(most_of_a_user(self, &user));
    *out = sqrt(errors->linear / (double)errors->count) *
           (sqrt((double)user) + sqrt((double)most_of_a_movie(self)));
    return CPS_OK;
}

static enum cps_status search_penalties(struct fit *self, struct cps_baselines *out)
{
    static const int both[][2] = {{1, 1}}, each[][2] = {{1, 0}, {0, 1}, {1, -1}};
    static const double tie = 0.001; /* of the loss */
    struct search search = {.user = FIRST_PENALTY, .movie = FIRST_PENALTY};
    CPS_TRY(try_penalties(self, &search, FIRST_PENALTY, FIRST_PENALTY));
    CPS_TRY(descend(self, &search, both, 1));
    CPS_TRY(descend(self, &search, each, 3));
    const struct held_out *losses = &search.losses[search.user][search.movie];
    out->user_penalty = penalties[search.user];
    out->movie_penalty = penalties[search.movie];
    out->wants_wider = self->header[HAS_RANGE] && losses->linear < losses->squeezed * (1 - tie);
    return find_noise(self, losses, &out->noise);
}

static enum cps_status find_penalties(struct fit *self, uint64_t seed, struct cps_baselines *out)
{
    enum cps_status status = cut(self, seed);
    if (status == CPS_OK)
        status = search_penalties(self, out);
    put_together(self);
    return status;
}

static enum cps_status fit_all(struct fit *self, const struct cps_penalty_search *search,
                               struct cps_baselines *out)
{
    CPS_TRY(make_room(self));
    if (search && out->train_count < search->below_ratings_a_row * out->rows)
        CPS_TRY(find_penalties(self, search->seed, out));
    if (self->header[VALID_COUNT] == 0)
        return CPS_OK;
    CPS_TRY(count_ratings(self));
    CPS_TRY(fit_biases(self, CPS_BASELINE_PENALTY, CPS_BASELINE_PENALTY, CPS_BASELINE_SWEEPS));
    return find_losses(self, out);
}

enum cps_status cps_baselines_mean(const struct cps_dataset *const *shards, size_t count,
                                   const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                   struct cps_baselines *out)
{
    struct fit self = {.shards = shards, .count = count, .sums = sums};
    *out = (struct cps_baselines){0};
    CPS_TRY(share_header(&self, overview, NULL));
    out->train_count = self.header[TRAIN_COUNT];
    out->rows = self.header[USER_ROWS] + self.header[MOVIE_ROWS];
    out->mean = self.mean;
    return CPS_OK;
}

enum cps_status cps_baselines_fit(const struct cps_dataset *const *shards, size_t count,
                                  const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                  const struct cps_penalty_search *search, struct cps_baselines *out)
{
    struct fit self = {.shards = shards, .count = count, .sums = sums};
    *out = (struct cps_baselines){0};
    CPS_TRY(share_header(&self, overview, search));
    out->train_count = self.header[TRAIN_COUNT];
    out->rows = self.header[USER_ROWS] + self.header[MOVIE_ROWS];
    out->mean = self.mean;
    if (self.header[VALID_COUNT] == 0 && !search)
        return CPS_OK;
    enum cps_status status = fit_all(&self, search, out);
    release(&self);
    return status;
}
