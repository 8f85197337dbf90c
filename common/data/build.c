/*
 * Building a dataset; see build.h.
 *
 *     titles -> intake <- ratings | synthetic set
 *                 |
 *                 +-> vocabularies -> rows of the samples
 *                 +-> split        -> training and validation samples
 */
#include "common/data/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/data/intake.h"
#include "common/data/notes.h"
#include "common/data/ratings.h"
#include "common/data/titles.h"
#include "common/data/vocabulary.h"
#include "common/data/wide.h"

struct builder {
    const struct cps_dataset_request *request;
    bool titled, split_given;
    struct cps_titles titles;
    struct cps_intake intake;
    struct cps_sample_buffer first, second; /* second: a validation file's */
    uint32_t *user_row, *movie_row;         /* of each user number and item number */
    struct cps_sha256 *digest;
    struct cps_dataset data;
};

static void builder_release(struct builder *self)
{
    cps_titles_release(&self->titles);
    cps_intake_release(&self->intake);
    cps_samples_release(&self->first.kept);
    cps_samples_release(&self->second.kept);
    free(self->user_row);
    free(self->movie_row);
    cps_sha256_destroy(&self->digest);
}

/* What a fingerprint says besides the bytes of files. */
static void digest_text(struct builder *self, const char *what, const char *value)
{
    cps_sha256_add(self->digest, what, strlen(what));
    cps_sha256_add(self->digest, "=", 1);
    cps_sha256_add(self->digest, value, strlen(value) + 1);
}

static void digest_number(struct builder *self, const char *what, uint64_t value)
{
    char digits[CPS_ID_INTEGER_BYTES + 1];
    digits[cps_id_from_integer(value, digits)] = '\0';
    digest_text(self, what, digits);
}

static void digest_source(struct builder *self, const char *what, const struct cps_source *source)
{
    digest_number(self, what, source->size);
    cps_sha256_add(self->digest, source->data, source->size);
}

/* How the bytes are read, where that is not the way it always was. */
static void digest_reading(struct builder *self)
{
    const struct cps_dataset_request *request = self->request;
    if (request->wide)
        digest_text(self, "missing", request->missing ? request->missing : "");
    if (request->latin1)
        digest_text(self, "encoding", "latin1");
    if (request->skip_bad)
        digest_number(self, "skip bad", request->skip_bad);
}

static void digest_request(struct builder *self)
{
    const struct cps_dataset_request *request = self->request;
    digest_text(self, "collab-ps data", "1");
    digest_text(self, "item key", self->titled ? "title" : "id");
    digest_text(self, "user column", request->user_column ? request->user_column : "");
    digest_text(self, "item column", request->item_column ? request->item_column : "");
    digest_text(self, "rating column", request->rating_column ? request->rating_column : "");
    digest_reading(self);
    if (self->split_given)
        return;
    uint64_t bits;
    memcpy(&bits, &request->valid_pct, sizeof bits);
    digest_number(self, "split seed", request->seed);
    digest_number(self, "valid pct bits", bits);
}

static enum cps_status builder_init(struct builder *self, const struct cps_dataset_request *request,
                                    bool titled, bool split_given)
{
    *self = (struct builder){.request = request, .titled = titled, .split_given = split_given};
    cps_intake_init(&self->intake, request->shard, request->shards, request->keep_samples,
                    titled ? &self->titles : NULL);
    self->intake.skip.limit = request->skip_bad;
    self->intake.reading = request->reading;
    CPS_TRY(cps_sha256_create(&self->digest));
    digest_request(self);
    return CPS_OK;
}

static enum cps_status read_source(struct builder *self, const char *what, const struct cps_source *source,
                                   struct cps_sample_buffer *into)
{
    const struct cps_dataset_request *request = self->request;
    const struct cps_column_request columns = {
        .name = {request->user_column, request->item_column, request->rating_column},
    };
    const struct cps_wide_request wide = {.user_column = request->user_column, .missing = request->missing};
    char *text = self->data.columns;
    digest_source(self, what, source);
    if (request->wide)
        return cps_wide_read(source, &wide, &self->intake, into, text);
    return cps_ratings_read(source, &columns, &self->intake, into, text);
}

static enum cps_status read_sources(struct builder *self, const struct cps_dataset_sources *sources)
{
    if (self->titled) {
        digest_source(self, "titles", &sources->titles);
        CPS_TRY(cps_titles_read(&self->titles, &sources->titles, sources->title_delimiter));
    }
    CPS_TRY(read_source(self, "ratings", &sources->ratings, &self->first));
    return self->split_given ? read_source(self, "valid", &sources->valid, &self->second) : CPS_OK;
}

/* The titles that a rated item has. */
static enum cps_status build_titles(struct builder *self)
{
    const struct cps_intake *intake = &self->intake;
    uint32_t *title_row = NULL;
    bool *used;
    CPS_TRY(cps_alloc("titles", self->titles.names.count, sizeof *used, &used));
    for (uint32_t n = 0; n < intake->items.count; n++)
        used[intake->title_of[n]] = true;
    enum cps_status status = cps_vocabulary_build(&self->titles.names, used, &self->data.movies, &title_row);
    free(used);
    if (status == CPS_OK)
        status = cps_alloc("titles", intake->items.count, sizeof *self->movie_row, &self->movie_row);
    for (uint32_t n = 0; n < intake->items.count && status == CPS_OK; n++)
        self->movie_row[n] = title_row[intake->title_of[n]];
    free(title_row);
    CPS_TRY(status);
    return cps_vocabulary_of_groups(&intake->items, self->movie_row, self->data.movies.rows,
                                    &self->data.movie_ids);
}

/* Rows for ids, or ids for rows: see given rows in dataset.h. */
static enum cps_status build_ids(struct builder *self, const char *what, const struct cps_ids *ids,
                                 uint32_t given_rows, struct cps_vocabulary *out, uint32_t **row_of)
{
    CPS_TRY(cps_vocabulary_build(ids, NULL, out, row_of));
    if (given_rows == 0 || given_rows == out->rows || !cps_vocabulary_ids_are_rows(ids, given_rows))
        return CPS_OK;
    cps_vocabulary_release(out);
    free(*row_of);
    *row_of = NULL;
    digest_number(self, what, given_rows);
    return cps_vocabulary_of_rows(ids, given_rows, out, row_of);
}

static enum cps_status build_vocabularies(struct builder *self)
{
    const struct cps_dataset_request *request = self->request;
    CPS_TRY(build_ids(self, "user rows", &self->intake.users, request->user_rows, &self->data.users,
                      &self->user_row));
    if (self->titled)
        return build_titles(self);
    return build_ids(self, "movie rows", &self->intake.items, request->movie_rows, &self->data.movies,
                     &self->movie_row);
}

static enum cps_status split(struct builder *self)
{
    struct cps_dataset *data = &self->data;
    data->rating_count = self->first.seen + self->second.seen;
    if (self->split_given) {
        data->train_count = self->first.seen;
        data->valid_count = self->second.seen;
        CPS_TRY(cps_samples_keep_train(&self->first, &data->train));
        return cps_samples_keep_valid(&self->second, &data->valid);
    }
    data->valid_count = (uint64_t)(self->request->valid_pct * (double)data->rating_count);
    if (data->valid_count >= data->rating_count)
        return cps_fail(CPS_ERR_DATA, "%" PRIu64 " ratings with --valid-pct %g leave none to train on",
                        data->rating_count, self->request->valid_pct);
    data->train_count = data->rating_count - data->valid_count;
    return cps_samples_split(&self->first, self->request->seed, data->valid_count, &data->train, &data->valid);
}

static void number_to_row(const struct builder *self, struct cps_samples *samples)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        samples->user[i] = self->user_row[samples->user[i]];
        samples->movie[i] = self->movie_row[samples->movie[i]];
    }
}

static enum cps_status write_notes(struct builder *self)
{
    uint64_t repeats;
    CPS_TRY(cps_notes_count_repeats(&self->data.train, &self->data.valid, &repeats));
    return cps_notes_write(&self->data, &self->intake.skip, repeats, &self->data.notes);
}

static enum cps_status finish(struct builder *self)
{
    struct cps_dataset *data = &self->data;
    CPS_TRY(build_vocabularies(self));
    CPS_TRY(split(self));
    number_to_row(self, &data->train);
    number_to_row(self, &data->valid);
    data->titled = self->titled;
    data->rating_min = self->intake.rating_min;
    data->rating_max = self->intake.rating_max;
    data->sample_bytes = cps_samples_bytes(&data->train) + cps_samples_bytes(&data->valid);
    cps_sha256_finish(self->digest, data->fingerprint);
    return write_notes(self);
}

static enum cps_status hand_over(struct builder *self, enum cps_status status, struct cps_dataset *out)
{
    builder_release(self);
    if (status == CPS_OK)
        *out = self->data;
    else
        cps_dataset_release(&self->data);
    return status;
}

enum cps_status cps_dataset_build(const struct cps_dataset_request *request,
                                  const struct cps_dataset_sources *sources, struct cps_dataset *out)
{
    struct builder self;
    *out = (struct cps_dataset){0};
    enum cps_status status = builder_init(&self, request, sources->titles.path, sources->valid.path);
    if (status == CPS_OK)
        status = read_sources(&self, sources);
    if (status == CPS_OK)
        status = finish(&self);
    if (status == CPS_OK)
        status = cps_notes_check_scale(&self.data, sources->ratings.path);
    return hand_over(&self, status, out);
}

static enum cps_status add_synth_titles(struct builder *self, const struct cps_synth_spec *spec)
{
    for (uint32_t movie = 1; movie <= spec->movies; movie++) {
        char id[CPS_ID_INTEGER_BYTES], title[CPS_SYNTH_TITLE_BYTES];
        size_t title_length = cps_synth_title(spec, movie, title);
        bool agrees;
        CPS_TRY(
            cps_titles_add(&self->titles, id, cps_id_from_integer(movie, id), title, title_length, &agrees));
    }
    return CPS_OK;
}

static enum cps_status take_synth_user(struct builder *self, struct cps_synth *synth, uint32_t user)
{
    uint32_t count, user_number, item_number;
    const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &count);
    for (uint32_t i = 0; i < count; i++) {
        CPS_TRY(cps_intake_user(&self->intake, user, &user_number));
        CPS_TRY(cps_intake_item(&self->intake, ratings[i].movie, &item_number));
        CPS_TRY(
            cps_intake_rating(&self->intake, &self->first, user_number, item_number, (float)ratings[i].rating));
    }
    return CPS_OK;
}

static enum cps_status read_synth(struct builder *self, const struct cps_synth_spec *spec)
{
    struct cps_synth *synth;
    digest_number(self, "synthetic users", spec->users);
    digest_number(self, "movies", spec->movies);
    digest_number(self, "ratings", spec->ratings);
    digest_number(self, "seed", spec->seed);
    if (self->titled)
        CPS_TRY(add_synth_titles(self, spec));
    CPS_TRY(cps_synth_create(spec, &synth));
    enum cps_status status = CPS_OK;
    for (uint32_t user = 1; user <= spec->users && status == CPS_OK; user++)
        status = take_synth_user(self, synth, user);
    cps_synth_destroy(&synth);
    return status;
}

enum cps_status cps_dataset_build_synth(const struct cps_dataset_request *request,
                                        const struct cps_synth_spec *spec, struct cps_dataset *out)
{
    struct builder self;
    *out = (struct cps_dataset){0};
    enum cps_status status = builder_init(&self, request, request->item_key != CPS_ITEM_KEY_ID, false);
    if (status == CPS_OK)
        status = read_synth(&self, spec);
    if (status == CPS_OK)
        status = finish(&self);
    return hand_over(&self, status, out);
}
