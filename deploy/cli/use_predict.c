/* predict: pairs of a user and a movie -> predictions. evaluate: ratings -> errors of the predictions. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/inference/evaluate.h"
#include "common/store/id_index.h"
#include "deploy/cli/listing.h"
#include "deploy/cli/pairs.h"
#include "deploy/cli/session.h"
#include "deploy/cli/use.h"

/* ---- predict ---- */

static const struct cps_column predict_columns[] = {{"user", CPS_COLUMN_TEXT, 0},
                                                    {"item", CPS_COLUMN_TEXT, 0},
                                                    {"title", CPS_COLUMN_TEXT, 0},
                                                    {"score", CPS_COLUMN_REAL, 4}};

struct predict {
    struct cps_session session;
    struct cps_listing listing;
    struct cps_id_index users, ids, titles;
    uint64_t unknown; /* pairs */
};

static enum cps_status add_prediction(struct predict *self, const char *user, uint32_t user_row,
                                      const char *item, uint32_t movie_row)
{
    const struct cps_trained *model = &self->session.model;
    self->unknown += user_row == 0 || movie_row == 0;
    return cps_listing_add(
        &self->listing,
        (struct cps_cell[]){{.text = user},
                            {.text = movie_row ? cps_session_movie_id(&self->session, movie_row) : item},
                            {.text = cps_session_title(&self->session, movie_row)},
                            {.real = cps_trained_predict(model, user_row, movie_row)}});
}

static uint32_t find(const struct cps_id_index *index, const char *text)
{
    return cps_id_index_find(index, text, strlen(text));
}

static bool is_header(const struct cps_pairs *pairs, const char *user)
{
    return pairs->line == 1 && strncasecmp(user, "user", 4) == 0;
}

static enum cps_status predict_pair(struct predict *self, const char *user, const char *item)
{
    uint32_t user_row = find(&self->users, user), movie_row = find(&self->ids, item);
    if (movie_row == CPS_ROW_NONE)
        movie_row = find(&self->titles, item);
    return add_prediction(self, user, user_row == CPS_ROW_NONE ? 0 : user_row, item,
                          movie_row == CPS_ROW_NONE ? 0 : movie_row);
}

static enum cps_status predict_file(struct predict *self, const char *path)
{
    struct cps_pairs pairs;
    const char *user, *item;
    bool found;
    CPS_TRY(cps_id_index_build(&self->session.model.users, false, &self->users));
    CPS_TRY(cps_id_index_build(&self->session.model.movies, false, &self->ids));
    CPS_TRY(cps_id_index_build(&self->session.model.movies, true, &self->titles));
    CPS_TRY(cps_pairs_open(path, false, &pairs));
    enum cps_status status = cps_pairs_next(&pairs, &user, &item, &found);
    while (status == CPS_OK && found) {
        if (!is_header(&pairs, user) || find(&self->users, user) != CPS_ROW_NONE)
            status = predict_pair(self, user, item);
        if (status == CPS_OK)
            status = cps_pairs_next(&pairs, &user, &item, &found);
    }
    cps_pairs_close(&pairs);
    return status;
}

static enum cps_status predict_one(struct predict *self, const struct cps_options *options)
{
    uint32_t user, movie;
    CPS_TRY(cps_session_find_user(&self->session, options->user, &user));
    CPS_TRY(cps_session_find_movie(&self->session, options->movie, &movie));
    return add_prediction(self, options->user, user, options->movie, movie);
}

static void tell_unknown(uint64_t pairs)
{
    if (pairs)
        cps_warn(
            "%llu of the pairs name a user or a movie that the model has not seen; row '#na#' is used for it, "
            "which no rating has trained, so the prediction depends almost only on the known side",
            (unsigned long long)pairs);
}

enum cps_status cps_use_predict(const struct cps_options *options)
{
    struct predict self = {0};
    cps_listing_init(&self.listing, cps_listing_format(options), predict_columns, 4);
    enum cps_status status = cps_session_open(options, CPS_RATINGS_UNUSED, &self.session);
    if (status == CPS_OK)
        status = options->pairs ? predict_file(&self, options->pairs) : predict_one(&self, options);
    if (status == CPS_OK)
        status = cps_listing_print(&self.listing);
    if (status == CPS_OK)
        tell_unknown(self.unknown);
    cps_listing_release(&self.listing);
    cps_id_index_release(&self.users);
    cps_id_index_release(&self.ids);
    cps_id_index_release(&self.titles);
    cps_session_close(&self.session);
    return status;
}

/* ---- evaluate ---- */

static const struct cps_column evaluate_columns[] = {
    {"part", CPS_COLUMN_TEXT, 0}, {"value", CPS_COLUMN_TEXT, 0}, {"count", CPS_COLUMN_COUNT, 0},
    {"mse", CPS_COLUMN_REAL, 6},  {"rmse", CPS_COLUMN_REAL, 6},  {"mae", CPS_COLUMN_REAL, 6}};

struct label {
    char text[64];
};

static struct label rating_label(const struct cps_evaluation *evaluation, uint32_t bucket)
{
    struct label out;
    double low = (double)evaluation->rating_low[bucket], high = (double)evaluation->rating_high[bucket];
    if (low == high)
        snprintf(out.text, sizeof out.text, "%.6g", low);
    else
        snprintf(out.text, sizeof out.text, "%.6g to %.6g", low, high);
    return out;
}

static struct label seen_label(uint32_t bucket)
{
    struct label out;
    if (bucket + 1 == CPS_SEEN_BUCKETS)
        snprintf(out.text, sizeof out.text, "%u or more", cps_seen_from[bucket]);
    else if (cps_seen_from[bucket + 1] == cps_seen_from[bucket] + 1)
        snprintf(out.text, sizeof out.text, "%u", cps_seen_from[bucket]);
    else
        snprintf(out.text, sizeof out.text, "%u to %u", cps_seen_from[bucket], cps_seen_from[bucket + 1] - 1);
    return out;
}

/* Called for every line of an evaluation: that of all ratings, then those of the buckets that are not empty. */
typedef enum cps_status (*line_visit)(void *context, const char *part, const char *value,
                                      const struct cps_error_sum *sum);

static enum cps_status each_line(const struct cps_evaluation *evaluation, bool seen, line_visit visit,
                                 void *context)
{
    CPS_TRY(visit(context, "all", "", &evaluation->total));
    for (uint32_t b = 0; b < evaluation->rating_buckets; b++)
        if (evaluation->by_rating[b].count)
            CPS_TRY(visit(context, "rating", rating_label(evaluation, b).text, &evaluation->by_rating[b]));
    for (uint32_t b = 0; seen && b < CPS_SEEN_BUCKETS; b++)
        if (evaluation->by_user[b].count)
            CPS_TRY(visit(context, "user_seen", seen_label(b).text, &evaluation->by_user[b]));
    for (uint32_t b = 0; seen && b < CPS_SEEN_BUCKETS; b++)
        if (evaluation->by_movie[b].count)
            CPS_TRY(visit(context, "item_seen", seen_label(b).text, &evaluation->by_movie[b]));
    return CPS_OK;
}

static enum cps_status add_line(void *context, const char *part, const char *value,
                                const struct cps_error_sum *sum)
{
    double mse = cps_error_mse(sum);
    return cps_listing_add(context, (struct cps_cell[]){{.text = part},
                                                        {.text = value},
                                                        {.count = sum->count},
                                                        {.real = mse},
                                                        {.real = sqrt(mse)},
                                                        {.real = cps_error_mae(sum)}});
}

struct json {
    struct cps_text text;
    const char *part; /* of the line before */
};

/* {"mse": …, "rmse": …, "mae": …, "count": …, "rating": [{"value": …, …}, …], …} */
static enum cps_status add_json_line(void *context, const char *part, const char *value,
                                     const struct cps_error_sum *sum)
{
    struct json *self = context;
    double mse = cps_error_mse(sum);
    if (self->part && strcmp(self->part, part) != 0)
        CPS_TRY(cps_text_add(&self->text, "%s,\n  \"%s\": [", strcmp(self->part, "all") ? "]" : "", part));
    else if (self->part)
        CPS_TRY(cps_text_add(&self->text, ","));
    if (self->part)
        CPS_TRY(cps_text_add(&self->text, "\n    {\"value\": \"%s\", ", value));
    self->part = part;
    CPS_TRY(cps_text_add(&self->text, "\"mse\": %.9g, \"rmse\": %.9g, \"mae\": %.9g, \"count\": %llu", mse,
                         sqrt(mse), cps_error_mae(sum), (unsigned long long)sum->count));
    return *value ? cps_text_add(&self->text, "}") : CPS_OK;
}

static enum cps_status print_json(const struct cps_evaluation *evaluation, bool seen)
{
    struct json json = {0};
    enum cps_status status = cps_text_add(&json.text, "{\n  ");
    if (status == CPS_OK)
        status = each_line(evaluation, seen, add_json_line, &json);
    if (status == CPS_OK)
        status = cps_text_add(&json.text, "%s,\n  \"unknown\": %llu\n}\n", strcmp(json.part, "all") ? "]" : "",
                              (unsigned long long)evaluation->unknown);
    if (status == CPS_OK) {
        fwrite(json.text.data, 1, json.text.length, stdout);
        status = cps_listing_flush();
    }
    cps_text_release(&json.text);
    return status;
}

static enum cps_status print_evaluation(const struct cps_options *options,
                                        const struct cps_evaluation *evaluation, bool seen)
{
    struct cps_listing listing;
    if (evaluation->total.count == 0)
        return cps_fail(CPS_ERR_DATA, "there are no ratings to evaluate on");
    if (options->json)
        return print_json(evaluation, seen);
    cps_listing_init(&listing, cps_listing_format(options), evaluate_columns, 6);
    enum cps_status status = each_line(evaluation, seen, add_line, &listing);
    if (status == CPS_OK)
        status = cps_listing_print(&listing);
    cps_listing_release(&listing);
    return status;
}

static enum cps_status evaluate_file(const struct cps_session *session, const struct cps_options *options,
                                     struct cps_evaluation *out)
{
    struct cps_dataset dataset;
    struct cps_row_map map;
    CPS_TRY(cps_session_read(session, options, options->ratings_file, &dataset, &map));
    enum cps_status status =
        cps_evaluate(&session->model, &dataset.train, &map, session->has_ratings ? &session->rated : NULL, out);
    cps_row_map_release(&map);
    cps_dataset_release(&dataset);
    return status;
}

static enum cps_status evaluate(const struct cps_session *session, const struct cps_options *options,
                                struct cps_evaluation *out)
{
    if (options->ratings_file)
        return evaluate_file(session, options, out);
    const struct cps_dataset *dataset = &session->dataset;
    bool train = options->part == CPS_OPTION_PART_TRAIN;
    if (!train && dataset->valid.count == 0) {
        cps_fail(CPS_ERR_DATA, "the run kept no ratings for validation");
        return cps_hint(CPS_ERR_DATA,
                        "'--part train' evaluates on those it was trained on, '--ratings FILE' on others");
    }
    return cps_evaluate(&session->model, train ? &dataset->train : &dataset->valid, &session->map,
                        &session->rated, out);
}

enum cps_status cps_use_evaluate(const struct cps_options *options)
{
    struct cps_session session;
    struct cps_evaluation evaluation;
    enum cps_status status =
        cps_session_open(options, options->ratings_file ? CPS_RATINGS_IF_THERE : CPS_RATINGS_NEEDED, &session);
    if (status == CPS_OK)
        status = evaluate(&session, options, &evaluation);
    if (status == CPS_OK)
        status = print_evaluation(options, &evaluation, session.has_ratings);
    if (status == CPS_OK && evaluation.unknown)
        cps_warn("%llu of the ratings are of a user or a movie that the model has not seen (row '#na#' is used "
                 "for it)",
                 (unsigned long long)evaluation.unknown);
    cps_session_close(&session);
    return status;
}
