/* Finds penalties by cross-validation; see penalty_search.h. */
#include "common/data/penalty_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/base/random.h"
#include "common/data/chunks.h"
#include "common/data/factor_search.h"

enum { PENALTIES = 10, FIRST_PENALTY = 3 };
static const double penalties[PENALTIES] = {1, 1.5, 2, 3, 4, 6, 8, 12, 18, 27};

static void cut_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct cps_bias_fit *self = context;
    for (uint64_t i = 0; i < train->count; i++)
        self->part[shard][first + i] =
            (uint8_t)(cps_random_u64(self->seed, CPS_RANDOM_PENALTY,
                                     (uint64_t)train->user[i] << 32 | train->movie[i]) %
                      CPS_PARTS);
}

/* Cuts the training ratings into parts, whatever rank they are on. */
static enum cps_status cut(struct cps_bias_fit *self, uint64_t seed)
{
    self->seed = seed;
    CPS_TRY(cps_alloc("parts of ratings", self->count, sizeof *self->part, &self->part));
    for (size_t s = 0; s < self->count; s++)
        CPS_TRY(cps_alloc("parts of ratings", self->shards[s]->train.count, 1, &self->part[s]));
    return cps_chunks_each(self->shards, self->count, true, cut_samples, self);
}

static void put_together(struct cps_bias_fit *self)
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

static struct squeeze squeeze_of(const struct cps_bias_fit *self)
{
    struct squeeze squeeze = {.slope = 1};
    memcpy(squeeze.range, &self->header[CPS_FIT_RANGE], sizeof squeeze.range);
    double low = (double)squeeze.range[0], size = (double)squeeze.range[1] - low;
    double share = fmin(fmax((self->mean - low) / size, 1e-3), 1 - 1e-3);
    if (!self->header[CPS_FIT_HAS_RANGE])
        return squeeze;
    squeeze.slope = cps_bias_fit_slope(self, false);
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

enum { LINEAR, SQUEEZED, LOSSES };

/* Sums of losses on this rank. */
struct losses {
    const struct cps_bias_fit *fit;
    struct squeeze squeeze;
    struct cps_error_sum sums[LOSSES];
    uint64_t count;
};

static void add_held_samples(void *context, size_t shard, uint64_t first, const struct cps_samples *train)
{
    struct losses *self = context;
    const struct cps_bias_fit *fit = self->fit;
    for (uint64_t i = 0; i < train->count; i++) {
        if (!cps_bias_fit_holds(fit, shard, first + i))
            continue;
        double biases = fit->users.bias[train->user[i]] + fit->movies.bias[train->movie[i]];
        double rating = (double)train->rating[i];
        self->count++;
        cps_error_sum_add(&self->sums[LINEAR], fit->mean + biases - rating);
        if (fit->header[CPS_FIT_HAS_RANGE])
            cps_error_sum_add(&self->sums[SQUEEZED], squeezed(&self->squeeze, biases) - rating);
    }
}

/* Adds the errors over the part held out. */
static enum cps_status add_held_out(struct cps_bias_fit *self, struct held_out *out)
{
    struct losses losses = {.fit = self, .squeeze = squeeze_of(self)};
    double found[LOSSES];
    bool in_range;
    CPS_TRY(cps_chunks_each(self->shards, self->count, true, add_held_samples, &losses));
    CPS_TRY(cps_error_sums_share(self, losses.sums, LOSSES, found, &in_range));
    CPS_TRY(self->sums->add(self->sums->context, &losses.count, 1));
    out->linear += found[LINEAR];
    out->squeezed += found[SQUEEZED];
    out->count += losses.count;
    return CPS_OK;
}

/* Which of the penalties, for users and for movies, and what they came to; linear is 0 until tried. */
struct search {
    struct held_out losses[PENALTIES][PENALTIES];
    size_t user, movie;
};

static enum cps_status try_penalties(struct cps_bias_fit *self, struct search *search, size_t user,
                                     size_t movie)
{
    struct held_out *losses = &search->losses[user][movie];
    uint8_t parts = self->header[CPS_FIT_TRAIN_COUNT] < CPS_MANY_RATINGS ? CPS_PARTS : 1;
    if (losses->linear > 0)
        return CPS_OK;
    for (self->held = 0; self->held < parts; self->held++) {
        CPS_TRY(cps_bias_fit_count(self));
        CPS_TRY(cps_bias_fit_run(self, penalties[user], penalties[movie], CPS_HELD_OUT_SWEEPS));
        CPS_TRY(add_held_out(self, losses));
    }
    return CPS_OK;
}

/* Moves to penalties that are a step away for users, for movies or for both, if these are better. */
static enum cps_status try_step(struct cps_bias_fit *self, struct search *search, int users, int movies,
                                bool *moved)
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
static enum cps_status descend(struct cps_bias_fit *self, struct search *search, const int (*directions)[2],
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
static enum cps_status most_of_a_user(struct cps_bias_fit *self, uint64_t *out)
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

static uint64_t most_of_a_movie(const struct cps_bias_fit *self)
{
    uint64_t most = 0;
    for (size_t row = 0; row < self->movies.rows; row++)
        most = self->movies.count[row] > most ? self->movies.count[row] : most;
    return most;
}

/* From the errors on ratings held out, of root mean square rms: see baselines.h. */
static enum cps_status find_noise(struct cps_bias_fit *self, double rms, double *out)
{
    uint64_t user;
    self->held = CPS_PARTS; /* none */
    CPS_TRY(cps_bias_fit_count(self));
    CPS_TRY(most_of_a_user(self, &user));
    *out = rms * (sqrt((double)user) + sqrt((double)most_of_a_movie(self)));
    return CPS_OK;
}

static const struct held_out *losses_of(const struct search *search)
{
    return &search->losses[search->user][search->movie];
}

/* Around the penalties that are best without levels. */
static enum cps_status try_levels(struct cps_bias_fit *self, struct search *search)
{
    static const int each[][2] = {{1, 0}, {0, 1}};
    struct search leveled = {.user = search->user, .movie = search->movie};
    self->leveled = true;
    enum cps_status status = try_penalties(self, &leveled, search->user, search->movie);
    if (status == CPS_OK)
        status = descend(self, &leveled, each, 2);
    self->leveled = status == CPS_OK && losses_of(&leveled)->linear < losses_of(search)->linear;
    if (self->leveled)
        *search = leveled;
    return status;
}

static enum cps_status search_penalties(struct cps_bias_fit *self, struct cps_baselines *out)
{
    static const int both[][2] = {{1, 1}}, each[][2] = {{1, 0}, {0, 1}, {1, -1}};
    static const double tie = 0.001; /* of the loss */
    struct search search = {.user = FIRST_PENALTY, .movie = FIRST_PENALTY};
    CPS_TRY(try_penalties(self, &search, FIRST_PENALTY, FIRST_PENALTY));
    CPS_TRY(descend(self, &search, both, 1));
    CPS_TRY(descend(self, &search, each, 3));
    CPS_TRY(try_levels(self, &search));
    const struct held_out *losses = losses_of(&search);
    double rms = sqrt(losses->linear / (double)losses->count);
    out->user_penalty = penalties[search.user];
    out->movie_penalty = penalties[search.movie];
    out->leveled = self->leveled;
    out->wants_wider =
        self->header[CPS_FIT_HAS_RANGE] == CPS_RANGE_MAY_WIDEN && losses->linear < losses->squeezed * (1 - tie);
    CPS_TRY(find_noise(self, rms, &out->noise));
    return cps_factor_search_run(self, out, rms, &out->factor_penalty);
}

enum cps_status cps_penalty_search_run(struct cps_bias_fit *self, uint64_t seed, struct cps_baselines *out)
{
    enum cps_status status = cut(self, seed);
    if (status == CPS_OK)
        status = search_penalties(self, out);
    put_together(self);
    self->leveled = false;
    return status;
}
