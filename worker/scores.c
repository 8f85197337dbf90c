/* Scores, errors and slopes by pieces; see scores.h. */
#include "worker/scores.h"

#include <stdlib.h>

#include "common/base/memory.h"

/* The result of each piece. */
struct piece {
    struct cps_error_sums sums;
    size_t good; /* index of the first bad sample; the piece's end if there is none */
};

struct job {
    struct cps_scores *scores;
    const struct cps_gather *gather;
    bool trains;
    uint32_t count;
    struct piece pieces[CPS_TEAM_MOST_PIECES];
};

void cps_scores_init(struct cps_scores *self, const struct cps_plan *plan, const struct cps_kernels *kernels,
                     struct cps_team *team)
{
    *self = (struct cps_scores){.plan = *plan, .kernels = kernels, .team = team};
}

void cps_scores_release(struct cps_scores *self)
{
    free(self->score);
    free(self->slope);
    *self = (struct cps_scores){0};
}

static void score_samples(struct cps_scores *self, const struct cps_gather *gather, size_t first, size_t count)
{
    const uint32_t *user = gather->user + first, *movie = gather->movie + first;
    float *score = self->score + first;
    self->kernels->dot(gather->rows, gather->stride, user, movie, count, score);
    if (self->plan.model == CPS_MODEL_BIAS)
        for (size_t i = 0; i < count; i++)
            score[i] += gather->bias[user[i]] + gather->bias[movie[i]];
}

static void do_piece(void *context, uint32_t number, uint32_t thread)
{
    struct job *job = context;
    struct cps_scores *self = job->scores;
    struct piece *piece = &job->pieces[number];
    size_t first, end;
    (void)thread;
    cps_team_slice(job->gather->sample_count, job->count, number, &first, &end);
    score_samples(self, job->gather, first, end - first);
    const float *score = self->score + first, *rating = job->gather->rating + first;
    piece->sums = (struct cps_error_sums){0};
    if (job->trains)
        piece->good = first + cps_residuals(&self->plan, score, rating, end - first, self->slope + first,
                                            &piece->sums.squared);
    else
        piece->good = first + cps_error_sums_add(&piece->sums, &self->plan, score, rating, end - first);
}

static enum cps_status run(struct cps_scores *self, const struct cps_gather *gather, bool trains,
                           struct cps_error_sums *sums, size_t *good)
{
    size_t samples = gather->sample_count;
    struct job job; /* not zeroed: most of its many pieces are not used */
    job.scores = self;
    job.gather = gather;
    job.trains = trains;
    job.count = cps_team_pieces(self->team, samples);
    CPS_TRY(cps_grow("scores", &self->score, &self->score_capacity, samples, sizeof *self->score));
    CPS_TRY(cps_grow("slopes", &self->slope, &self->slope_capacity, samples, sizeof *self->slope));
    cps_team_run(self->team, job.count, do_piece, &job);
    *good = samples;
    for (uint32_t p = job.count; p-- > 0;) {
        size_t first, end;
        cps_team_slice(samples, job.count, p, &first, &end);
        if (job.pieces[p].good < end)
            *good = job.pieces[p].good;
        sums->squared = cps_loss_add(sums->squared, job.pieces[p].sums.squared);
        sums->absolute = cps_loss_add(sums->absolute, job.pieces[p].sums.absolute);
    }
    return CPS_OK;
}

enum cps_status cps_scores_train(struct cps_scores *self, const struct cps_gather *gather, cps_int128 *sum,
                                 size_t *good)
{
    struct cps_error_sums sums = {.squared = *sum};
    CPS_TRY(run(self, gather, true, &sums, good));
    *sum = sums.squared;
    return CPS_OK;
}

enum cps_status cps_scores_validate(struct cps_scores *self, const struct cps_gather *gather,
                                    struct cps_error_sums *sums, size_t *good)
{
    return run(self, gather, false, sums, good);
}
