/* recommend: a user, or all -> the movies with the highest predictions. fold-in: the same for a new user. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/parallel.h"
#include "common/inference/fold_in.h"
#include "common/inference/rank.h"
#include "common/inference/title_search.h"
#include "common/store/id_index.h"
#include "deploy/cli/listing.h"
#include "deploy/cli/pairs.h"
#include "deploy/cli/session.h"
#include "deploy/cli/use.h"

enum { PIECE_USERS = 64 }; /* of 'recommend --all' */

static const struct cps_column columns[] = {{"user", CPS_COLUMN_TEXT, 0},
                                            {"rank", CPS_COLUMN_COUNT, 0},
                                            {"item", CPS_COLUMN_TEXT, 0},
                                            {"title", CPS_COLUMN_TEXT, 0},
                                            {"score", CPS_COLUMN_REAL, 4}};

static enum cps_status add_ranked(struct cps_listing *listing, const struct cps_session *session,
                                  const char *user, const struct cps_rank_user *ranked)
{
    for (uint32_t i = 0; i < ranked->count; i++) {
        uint32_t row = ranked->best[i].movie_row;
        double prediction = cps_trained_prediction(&session->model, ranked->best[i].score);
        CPS_TRY(cps_listing_add(listing, (struct cps_cell[]){{.text = user},
                                                             {.count = i + 1},
                                                             {.text = cps_session_movie_id(session, row)},
                                                             {.text = cps_session_title(session, row)},
                                                             {.real = prediction}}));
    }
    return CPS_OK;
}

/* ---- recommend ---- */

struct recommend {
    struct cps_session session;
    struct cps_ranker *ranker;
    uint32_t k;
    bool with_rated;
    bool any; /* a row was printed */
    uint32_t slots;
    struct cps_listing *listings; /* [slots] */
    float **scratch;              /* [slots] */
    struct cps_ranked **best;     /* [slots]: CPS_RANK_USERS times k */
};

static void release(struct recommend *self)
{
    for (uint32_t slot = 0; slot < self->slots; slot++) {
        if (self->listings)
            cps_listing_release(&self->listings[slot]);
        if (self->scratch)
            free(self->scratch[slot]);
        if (self->best)
            free(self->best[slot]);
    }
    free(self->listings);
    free(self->scratch);
    free(self->best);
    cps_ranker_destroy(&self->ranker);
    cps_session_close(&self->session);
}

static enum cps_status make_slots(struct recommend *self, uint32_t slots)
{
    CPS_TRY(cps_alloc("listings", slots, sizeof *self->listings, &self->listings));
    CPS_TRY(cps_alloc("listings", slots, sizeof *self->scratch, &self->scratch));
    CPS_TRY(cps_alloc("listings", slots, sizeof *self->best, &self->best));
    self->slots = slots;
    for (uint32_t slot = 0; slot < slots; slot++) {
        CPS_TRY(
            cps_alloc("scores", cps_ranker_scratch_floats(self->ranker), sizeof(float), &self->scratch[slot]));
        CPS_TRY(
            cps_alloc("a ranking", (size_t)CPS_RANK_USERS * self->k, sizeof **self->best, &self->best[slot]));
    }
    return CPS_OK;
}

static enum cps_status open_recommend(struct recommend *self, const struct cps_options *options)
{
    *self = (struct recommend){.with_rated = options->with_rated};
    CPS_TRY(cps_session_open(options, options->with_rated ? CPS_RATINGS_UNUSED : CPS_RATINGS_NEEDED,
                             &self->session));
    uint32_t movies = self->session.model.plan.movie_rows;
    self->k = options->count < movies ? options->count : movies;
    CPS_TRY(cps_ranker_create(&self->session.model, &self->ranker));
    return make_slots(self, options->all ? cps_parallel_slots(0) : 1);
}

/* Ranks for count users from row first on and adds them to the listing of slot. */
static enum cps_status recommend_to(struct recommend *self, uint32_t first, uint32_t count, uint32_t slot)
{
    const struct cps_trained *model = &self->session.model;
    const struct cps_rated *rated = &self->session.rated;
    struct cps_rank_user users[CPS_RANK_USERS];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = first + i;
        users[i] = (struct cps_rank_user){.row = cps_trained_row(model, row),
                                          .bias = model->bias[row],
                                          .best = self->best[slot] + (size_t)i * self->k};
        if (self->with_rated)
            continue;
        users[i].without = rated->movie + rated->first[row];
        users[i].without_count = (size_t)(rated->first[row + 1] - rated->first[row]);
    }
    CPS_TRY(cps_ranker_top(self->ranker, self->k, users, count, self->scratch[slot]));
    for (uint32_t i = 0; i < count; i++)
        CPS_TRY(add_ranked(&self->listings[slot], &self->session, model->users.id[first + i], &users[i]));
    return CPS_OK;
}

/* Handles the user rows of a piece, from 1 + piece·PIECE_USERS on. */
static enum cps_status work(void *context, uint64_t piece, uint32_t slot)
{
    struct recommend *self = context;
    uint32_t users = self->session.model.plan.user_rows;
    uint64_t first = 1 + piece * PIECE_USERS, end = first + PIECE_USERS < users ? first + PIECE_USERS : users;
    cps_text_clear(&self->listings[slot].rows);
    for (uint64_t user = first; user < end; user += CPS_RANK_USERS) {
        uint32_t count = end - user < CPS_RANK_USERS ? (uint32_t)(end - user) : CPS_RANK_USERS;
        CPS_TRY(recommend_to(self, (uint32_t)user, count, slot));
    }
    return CPS_OK;
}

static enum cps_status take(void *context, uint64_t piece, uint32_t slot)
{
    struct recommend *self = context;
    (void)piece;
    return cps_listing_print_rows(&self->listings[slot], &self->any);
}

static enum cps_status recommend_to_all(struct recommend *self, enum cps_listing_format format)
{
    uint32_t users = self->session.model.plan.user_rows - 1;
    const struct cps_parallel job = {
        .pieces = (users + PIECE_USERS - 1) / PIECE_USERS, .work = work, .take = take, .context = self};
    if (format == CPS_LISTING_TABLE)
        format = CPS_LISTING_TSV;
    for (uint32_t slot = 0; slot < self->slots; slot++)
        cps_listing_init(&self->listings[slot], format, columns, 5);
    CPS_TRY(cps_listing_print_header(&self->listings[0]));
    CPS_TRY(cps_parallel_run(&job));
    return cps_listing_print_end(format, self->any);
}

static enum cps_status recommend_to_one(struct recommend *self, const struct cps_options *options)
{
    uint32_t user;
    CPS_TRY(cps_session_find_user(&self->session, options->user, &user));
    cps_listing_init(&self->listings[0], cps_listing_format(options), columns, 5);
    CPS_TRY(recommend_to(self, user, 1, 0));
    return cps_listing_print(&self->listings[0]);
}

enum cps_status cps_use_recommend(const struct cps_options *options)
{
    struct recommend self;
    enum cps_status status = open_recommend(&self, options);
    if (status == CPS_OK)
        status = options->all ? recommend_to_all(&self, cps_listing_format(options))
                              : recommend_to_one(&self, options);
    release(&self);
    return status;
}

/* ---- fold-in ---- */

struct fold_in {
    struct cps_session session;
    uint32_t *movie;
    float *rating;
    size_t count, movie_capacity, rating_capacity;
    uint64_t unknown; /* lines */
};

static enum cps_status add_rating(struct fold_in *self, uint32_t movie, float rating)
{
    CPS_TRY(cps_grow("ratings", &self->movie, &self->movie_capacity, self->count + 1, sizeof *self->movie));
    CPS_TRY(cps_grow("ratings", &self->rating, &self->rating_capacity, self->count + 1, sizeof *self->rating));
    self->movie[self->count] = movie;
    self->rating[self->count++] = rating;
    return CPS_OK;
}

static enum cps_status refuse_rating(const struct cps_pairs *pairs, const char *text)
{
    cps_fail(CPS_ERR_DATA, "'%s:%u': '%.100s' is not a rating", pairs->path, pairs->line, text);
    return cps_hint(CPS_ERR_DATA,
                    "a line is a movie, by id or title, and the rating: 'Star Wars (1977)<TAB>5'");
}

static enum cps_status read_rating(struct fold_in *self, const struct cps_pairs *pairs,
                                   const struct cps_title_search *search, const char *item, const char *text)
{
    double rating;
    uint32_t movie;
    if (!cps_text_to_double(text, &rating))
        return pairs->line == 1 ? CPS_OK : refuse_rating(pairs, text); /* line 1: a header */
    if (cps_title_search_find(search, item, &movie) == CPS_OK)
        return add_rating(self, movie, (float)rating);
    cps_warn("'%s:%u': %s%s%s", pairs->path, pairs->line, cps_error_text(), *cps_error_hint() ? "; " : "",
             cps_error_hint());
    cps_error_clear();
    self->unknown++;
    return CPS_OK;
}

static enum cps_status read_lines(struct fold_in *self, struct cps_pairs *pairs,
                                  const struct cps_title_search *search)
{
    const char *item, *rating;
    bool found;
    for (;;) {
        CPS_TRY(cps_pairs_next(pairs, &item, &rating, &found));
        if (!found)
            return CPS_OK;
        CPS_TRY(read_rating(self, pairs, search, item, rating));
    }
}

static enum cps_status read_ratings(struct fold_in *self, const char *path)
{
    struct cps_pairs pairs;
    struct cps_title_search search;
    CPS_TRY(cps_pairs_open(path, true, &pairs));
    enum cps_status status = cps_title_search_init(&search, &self->session.model.movies);
    if (status == CPS_OK) {
        status = read_lines(self, &pairs, &search);
        cps_title_search_release(&search);
    }
    cps_pairs_close(&pairs);
    if (status == CPS_OK && self->count == 0)
        status = cps_fail(CPS_ERR_DATA, "'%s' has no rating of a movie that the model knows", path);
    return status;
}

static enum cps_status print_list(struct fold_in *self, const struct cps_options *options,
                                  struct cps_ranker *ranker, struct cps_rank_user *person)
{
    struct cps_listing listing;
    float *scratch;
    CPS_TRY(cps_alloc("scores", cps_ranker_scratch_floats(ranker), sizeof *scratch, &scratch));
    enum cps_status status = cps_ranker_top(ranker, options->count, person, 1, scratch);
    free(scratch);
    CPS_TRY(status);
    cps_listing_init(&listing, cps_listing_format(options), columns, 5);
    status = add_ranked(&listing, &self->session, "new", person);
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status list_for(struct fold_in *self, const struct cps_options *options,
                                struct cps_rank_user *person)
{
    struct cps_ranker *ranker;
    CPS_TRY(cps_ranker_create(&self->session.model, &ranker));
    enum cps_status status =
        cps_alloc("a ranking", self->session.model.plan.movie_rows, sizeof *person->best, &person->best);
    if (status == CPS_OK)
        status = print_list(self, options, ranker, person);
    free(person->best);
    cps_ranker_destroy(&ranker);
    return status;
}

static enum cps_status solve(struct fold_in *self, float *factors, float *bias)
{
    struct cps_fold_in *solver;
    CPS_TRY(cps_fold_in_create(&self->session.model, self->session.noise, &solver));
    enum cps_status status = cps_fold_in_solve(solver, self->movie, self->rating, self->count, factors, bias);
    cps_fold_in_destroy(&solver);
    return status;
}

static enum cps_status fold_in(struct fold_in *self, const struct cps_options *options)
{
    float *factors, bias;
    CPS_TRY(cps_session_open(options, CPS_RATINGS_UNUSED, &self->session));
    CPS_TRY(read_ratings(self, options->ratings_file));
    CPS_TRY(cps_alloc("a person's row", self->session.model.plan.factors, sizeof *factors, &factors));
    enum cps_status status = solve(self, factors, &bias);
    struct cps_rank_user person = {
        .row = factors, .bias = bias, .without = self->movie, .without_count = self->count};
    if (options->with_rated)
        person.without_count = 0;
    if (status == CPS_OK)
        status = list_for(self, options, &person);
    free(factors);
    return status;
}

enum cps_status cps_use_fold_in(const struct cps_options *options)
{
    struct fold_in self = {0};
    enum cps_status status = fold_in(&self, options);
    free(self.movie);
    free(self.rating);
    cps_session_close(&self.session);
    return status;
}
