/* Fits the baselines; see baselines.h. */
#include "common/data/baselines.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/data/bias_fit.h"
#include "common/data/chunks.h"
#include "common/data/penalty_search.h"

enum { OF_MEAN, OF_BIASES, LOSSES };

/* Sums of losses on this rank. */
struct losses {
    const struct cps_bias_fit *fit;
    struct cps_error_sum sums[LOSSES];
};

static void add_losses(void *context, size_t shard, uint64_t first, const struct cps_samples *valid)
{
    struct losses *self = context;
    const struct cps_bias_fit *fit = self->fit;
    (void)shard, (void)first;
    for (uint64_t i = 0; i < valid->count; i++) {
        double error = fit->mean - (double)valid->rating[i];
        cps_error_sum_add(&self->sums[OF_MEAN], error);
        error += fit->users.bias[valid->user[i]] + fit->movies.bias[valid->movie[i]];
        cps_error_sum_add(&self->sums[OF_BIASES], error);
    }
}

static enum cps_status find_losses(struct cps_bias_fit *self, struct cps_baselines *out)
{
    struct losses losses = {.fit = self};
    double found[LOSSES], count = (double)self->header[CPS_FIT_VALID_COUNT];
    CPS_TRY(cps_chunks_each(self->shards, self->count, false, add_losses, &losses));
    CPS_TRY(cps_error_sums_share(self, losses.sums, LOSSES, found, &out->has_losses));
    out->mean_loss = found[OF_MEAN] / count;
    out->biases_loss = found[OF_BIASES] / count;
    return CPS_OK;
}

/* Fits the biases by the penalties that were found, to start from. */
static enum cps_status fit_start(struct cps_bias_fit *self, const struct cps_baselines *found, double **biases)
{
    CPS_TRY(cps_alloc("biases", found->rows, sizeof **biases, biases));
    CPS_TRY(cps_bias_fit_count(self));
    self->leveled = found->leveled;
    CPS_TRY(cps_bias_fit_run(self, found->user_penalty, found->movie_penalty, CPS_BASELINE_SWEEPS));
    self->leveled = false;
    return cps_bias_fit_share(self, *biases);
}

static enum cps_status fit_all(struct cps_bias_fit *self, const struct cps_penalty_search *search,
                               struct cps_baselines *out, double **biases)
{
    CPS_TRY(cps_bias_fit_make_room(self));
    if (search && out->train_count < search->below_ratings_a_row * out->rows) {
        CPS_TRY(cps_penalty_search_run(self, search->seed, out));
        CPS_TRY(fit_start(self, out, biases));
    }
    if (self->header[CPS_FIT_VALID_COUNT] == 0)
        return CPS_OK;
    CPS_TRY(cps_bias_fit_count(self));
    CPS_TRY(cps_bias_fit_run(self, CPS_BASELINE_PENALTY, CPS_BASELINE_PENALTY, CPS_BASELINE_SWEEPS));
    return find_losses(self, out);
}

static enum cps_status begin(struct cps_bias_fit *self, const struct cps_dataset *overview,
                             const struct cps_penalty_search *search, struct cps_baselines *out)
{
    *out = (struct cps_baselines){0};
    CPS_TRY(cps_bias_fit_begin(self, overview, search));
    out->train_count = self->header[CPS_FIT_TRAIN_COUNT];
    out->rows = self->header[CPS_FIT_USER_ROWS] + self->header[CPS_FIT_MOVIE_ROWS];
    out->mean = self->mean;
    return CPS_OK;
}

enum cps_status cps_baselines_mean(const struct cps_dataset *const *shards, size_t count,
                                   const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                   struct cps_baselines *out)
{
    struct cps_bias_fit self = {.shards = shards, .count = count, .sums = sums};
    return begin(&self, overview, NULL, out);
}

enum cps_status cps_baselines_fit(const struct cps_dataset *const *shards, size_t count,
                                  const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                  const struct cps_penalty_search *search, struct cps_baselines *out,
                                  double **biases)
{
    struct cps_bias_fit self = {.shards = shards, .count = count, .sums = sums};
    *biases = NULL;
    CPS_TRY(begin(&self, overview, search, out));
    if (self.header[CPS_FIT_VALID_COUNT] == 0 && !search)
        return CPS_OK;
    enum cps_status status = fit_all(&self, search, out, biases);
    cps_bias_fit_release(&self);
    return status;
}
