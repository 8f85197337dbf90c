/* similar, biases and map: commands that show the movies of a model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/inference/components.h"
#include "deploy/cli/listing.h"
#include "deploy/cli/script.h"
#include "deploy/cli/session.h"
#include "deploy/cli/use.h"

/* The most rated movies, from which the principal components are computed, as in fastbook. */
enum { MAP_MOVIES = 1000 };

struct scored {
    uint32_t row;
    double score;
};

/* By descending score, then by row. */
static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* ---- similar ---- */

static double product(const struct cps_trained *model, uint32_t a, uint32_t b)
{
    const float *x = cps_trained_row(model, cps_plan_movie_key(&model->plan, a));
    const float *y = cps_trained_row(model, cps_plan_movie_key(&model->plan, b));
    double sum = 0;
    for (uint32_t j = 0; j < model->plan.factors; j++)
        sum += (double)x[j] * y[j];
    return sum;
}

/* Cosine similarity; 0 if one of them is the zero vector. */
static double cosine(const struct cps_trained *model, uint32_t a, uint32_t b)
{
    double lengths = sqrt(product(model, a, a)) * sqrt(product(model, b, b));
    return lengths > 0 ? product(model, a, b) / lengths : 0;
}

static enum cps_status print_similar(const struct cps_options *options, const struct cps_session *session,
                                     const struct scored *scored, uint32_t count)
{
    static const struct cps_column columns[] = {{"rank", CPS_COLUMN_COUNT, 0},
                                                {"item", CPS_COLUMN_TEXT, 0},
                                                {"title", CPS_COLUMN_TEXT, 0},
                                                {"cosine", CPS_COLUMN_REAL, 4}};
    struct cps_listing listing;
    enum cps_status status = CPS_OK;
    cps_listing_init(&listing, cps_listing_format(options), columns, 4);
    for (uint32_t i = 0; i < count && status == CPS_OK; i++)
        status = cps_listing_add(&listing,
                                 (struct cps_cell[]){{.count = i + 1},
                                                     {.text = cps_session_movie_id(session, scored[i].row)},
                                                     {.text = cps_session_title(session, scored[i].row)},
                                                     {.real = scored[i].score}});
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status similar(const struct cps_options *options, const struct cps_session *session)
{
    const struct cps_trained *model = &session->model;
    uint32_t movie, count = 0;
    struct scored *scored;
    CPS_TRY(cps_session_find_movie(session, options->movie, &movie));
    CPS_TRY(cps_alloc("similar movies", model->plan.movie_rows, sizeof *scored, &scored));
    for (uint32_t row = 1; row < model->plan.movie_rows; row++)
        if (row != movie)
            scored[count++] = (struct scored){row, cosine(model, movie, row)};
    qsort(scored, count, sizeof *scored, by_score);
    if (cps_listing_format(options) == CPS_LISTING_TABLE)
        printf("Nearest to '%s' by the cosine of their factors:\n", cps_session_title(session, movie));
    enum cps_status status =
        print_similar(options, session, scored, count < options->count ? count : options->count);
    free(scored);
    return status;
}

enum cps_status cps_use_similar(const struct cps_options *options)
{
    struct cps_session session;
    enum cps_status status = cps_session_open(options, CPS_RATINGS_UNUSED, &session);
    if (status == CPS_OK)
        status = similar(options, &session);
    cps_session_close(&session);
    return status;
}

/* ---- biases ---- */

static enum cps_status add_biases(struct cps_listing *listing, const struct cps_session *session,
                                  const char *end, const struct scored *first, uint32_t count, int step)
{
    for (uint32_t i = 0; i < count; i++, first += step)
        CPS_TRY(
            cps_listing_add(listing, (struct cps_cell[]){{.text = end},
                                                         {.count = i + 1},
                                                         {.text = cps_session_movie_id(session, first->row)},
                                                         {.text = cps_session_title(session, first->row)},
                                                         {.real = first->score}}));
    return CPS_OK;
}

static enum cps_status print_biases(const struct cps_options *options, const struct cps_session *session,
                                    const struct scored *scored, uint32_t count)
{
    static const struct cps_column columns[] = {{"end", CPS_COLUMN_TEXT, 0},
                                                {"rank", CPS_COLUMN_COUNT, 0},
                                                {"item", CPS_COLUMN_TEXT, 0},
                                                {"title", CPS_COLUMN_TEXT, 0},
                                                {"bias", CPS_COLUMN_REAL, 4}};
    struct cps_listing listing;
    uint32_t shown = count < options->count ? count : options->count;
    cps_listing_init(&listing, cps_listing_format(options), columns, 5);
    enum cps_status status = add_biases(&listing, session, "lowest", scored + count - 1, shown, -1);
    if (status == CPS_OK)
        status = add_biases(&listing, session, "highest", scored, shown, 1);
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status biases(const struct cps_options *options, const struct cps_session *session)
{
    const struct cps_trained *model = &session->model;
    struct scored *scored;
    uint32_t count = model->plan.movie_rows - 1;
    if (model->plan.model != CPS_MODEL_BIAS)
        return cps_hint(cps_fail(CPS_ERR_DATA, "'%s' is of the dot model, which has no biases", options->run),
                        "train with '--model bias'");
    CPS_TRY(cps_alloc("biases", model->plan.movie_rows, sizeof *scored, &scored));
    for (uint32_t i = 0; i < count; i++)
        scored[i] = (struct scored){i + 1, (double)model->bias[cps_plan_movie_key(&model->plan, i + 1)]};
    qsort(scored, count, sizeof *scored, by_score);
    enum cps_status status = count ? print_biases(options, session, scored, count) : CPS_OK;
    free(scored);
    return status;
}

enum cps_status cps_use_biases(const struct cps_options *options)
{
    struct cps_session session;
    enum cps_status status = cps_session_open(options, CPS_RATINGS_UNUSED, &session);
    if (status == CPS_OK)
        status = biases(options, &session);
    cps_session_close(&session);
    return status;
}

/* ---- map ---- */

enum { AXES = 3 };

/* The most rated movies, the most rated first. */
static enum cps_status most_rated(const struct cps_session *session, uint32_t **rows, uint32_t *count)
{
    uint32_t movies = session->model.plan.movie_rows - 1;
    struct scored *scored;
    CPS_TRY(cps_alloc("movies", movies, sizeof *scored, &scored));
    for (uint32_t i = 0; i < movies; i++)
        scored[i] = (struct scored){i + 1, session->rated.movie_counts[i + 1]};
    qsort(scored, movies, sizeof *scored, by_score);
    *count = movies < MAP_MOVIES ? movies : MAP_MOVIES;
    enum cps_status status = cps_alloc("movies", *count, sizeof **rows, rows);
    for (uint32_t i = 0; i < *count && status == CPS_OK; i++)
        (*rows)[i] = scored[i].row;
    free(scored);
    return status;
}

static enum cps_status print_map(const struct cps_options *options, const struct cps_session *session,
                                 const uint32_t *rows, uint32_t count, const double *at)
{
    static const struct cps_column columns[] = {{"item", CPS_COLUMN_TEXT, 0},     {"title", CPS_COLUMN_TEXT, 0},
                                                {"ratings", CPS_COLUMN_COUNT, 0}, {"x", CPS_COLUMN_REAL, 4},
                                                {"y", CPS_COLUMN_REAL, 4},        {"z", CPS_COLUMN_REAL, 4}};
    struct cps_listing listing;
    enum cps_status status = CPS_OK;
    cps_listing_init(&listing, cps_listing_format(options), columns, 6);
    for (uint32_t i = 0; i < count && status == CPS_OK; i++)
        status = cps_listing_add(&listing, (struct cps_cell[]){{.text = cps_session_movie_id(session, rows[i])},
                                                               {.text = cps_session_title(session, rows[i])},
                                                               {.count = session->rated.movie_counts[rows[i]]},
                                                               {.real = at[i * AXES]},
                                                               {.real = at[i * AXES + 1]},
                                                               {.real = at[i * AXES + 2]}});
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status map(const struct cps_options *options, const struct cps_session *session)
{
    uint32_t *rows, count;
    double *at, share[AXES];
    CPS_TRY(most_rated(session, &rows, &count));
    enum cps_status status = cps_alloc("coordinates", (size_t)count * AXES, sizeof *at, &at);
    if (status == CPS_OK)
        status = cps_components(&session->model, rows, count, AXES, at, share);
    if (status == CPS_OK)
        status = print_map(options, session, rows, count, at);
    free(rows);
    free(at);
    return status;
}

/* The picture is drawn in Python, from what this command prints as TSV. */
static enum cps_status draw(const struct cps_options *options)
{
    char count[16];
    const char *arguments[10] = {options->run, "--out", options->out};
    size_t used = 3;
    snprintf(count, sizeof count, "%u", options->count);
    if (cps_options_source(options, "count") != CPS_SOURCE_DEFAULT) {
        arguments[used++] = "--count";
        arguments[used++] = count;
    }
    if (options->data) {
        arguments[used++] = "--data";
        arguments[used++] = options->data;
    }
    if (options->best)
        arguments[used++] = "--best";
    return cps_script("map", arguments);
}

enum cps_status cps_use_map(const struct cps_options *options)
{
    struct cps_session session;
    if (options->out)
        return draw(options);
    enum cps_status status = cps_session_open(options, CPS_RATINGS_NEEDED, &session);
    if (status == CPS_OK)
        status = map(options, &session);
    cps_session_close(&session);
    return status;
}
