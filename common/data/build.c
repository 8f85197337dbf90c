/*
 * Building a dataset; see build.h.
 *
 *     titles -> readers -> part -> joined with those of other ranks -> vocabularies -> rows of the ratings
 *                                                                   -> split        -> samples of the shards
 */
#include "common/data/build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/deliver.h"
#include "common/data/fingerprint.h"
#include "common/data/naming.h"
#include "common/data/notes.h"
#include "common/data/parts.h"
#include "common/data/ratings.h"
#include "common/data/titles.h"
#include "common/data/vocabulary.h"
#include "common/data/wide.h"

struct builder {
    const struct cps_dataset_request *request;
    const struct cps_sharing *sharing;
    struct cps_titles titles;
    struct cps_part part;
    struct cps_fingerprint_reading reading;
    const struct cps_synth_spec *synth; /* NULL with files */
    struct cps_split split;
    struct cps_dataset data; /* all but samples */
};

static const struct cps_peers *peers_of(const struct builder *self)
{
    return self->synth ? NULL : self->sharing->peers;
}

static void start_part(struct builder *self)
{
    cps_part_release(&self->part);
    self->part = (struct cps_part){0};
    cps_intake_init(&self->part.intake, self->reading.titled ? &self->titles : NULL, self->request->skip_bad);
    self->part.intake.reading = self->request->reading;
}

/* ---- reading ---- */

static enum cps_status read_source(struct builder *self, const struct cps_source *source,
                                   struct cps_ratings_share share)
{
    const struct cps_dataset_request *request = self->request;
    const struct cps_column_request columns = {
        .name = {request->user_column, request->item_column, request->rating_column},
    };
    const struct cps_wide_request wide = {.user_column = request->user_column, .missing = request->missing};
    struct cps_part *part = &self->part;
    if (request->wide)
        return cps_wide_read(source, &wide, &part->intake, &part->list, self->data.columns);
    return cps_ratings_read(source, &columns, share, &part->intake, &part->list, self->data.columns,
                            &part->spans_lines);
}

static enum cps_status read_part(struct builder *self, const struct cps_dataset_sources *sources, bool whole)
{
    const struct cps_peers *peers = peers_of(self);
    struct cps_ratings_share share = {.index = 0, .count = 1};
    start_part(self);
    if (peers && whole && peers->rank != 0)
        return CPS_OK;
    if (peers && !whole)
        share = (struct cps_ratings_share){.index = peers->rank, .count = peers->ranks};
    CPS_TRY(read_source(self, &sources->ratings, share));
    self->part.first_count = self->part.list.count;
    return self->reading.split_given ? read_source(self, &sources->valid, share) : CPS_OK;
}

/* The first rank hashes the texts, and so does every rank that may have others, being on another host. */
static enum cps_status hash_texts(struct builder *self, const struct cps_dataset_sources *sources)
{
    const struct cps_source *texts[CPS_TEXTS] = {&sources->titles, &sources->ratings, &sources->valid};
    const struct cps_peers *peers = peers_of(self);
    bool first = !peers || peers->rank == 0, whole = sources->whole && !first;
    self->reading.hashed = first || (!peers->first_host && !sources->whole);
    for (int i = 0; i < CPS_TEXTS; i++) {
        self->reading.present[i] = texts[i]->path != NULL;
        self->reading.text[i].bytes = whole && i != CPS_TEXT_TITLES ? 0 : texts[i]->size;
        if (self->reading.hashed && texts[i]->path)
            CPS_TRY(cps_text_digest_of(texts[i]->data, texts[i]->size, &self->reading.text[i]));
    }
    return CPS_OK;
}

static enum cps_status read_titles(struct builder *self, const struct cps_dataset_sources *sources)
{
    CPS_TRY(hash_texts(self, sources));
    return self->reading.titled ? cps_titles_read(&self->titles, &sources->titles, sources->title_delimiter)
                                : CPS_OK;
}

static enum cps_status check_not_empty(const struct cps_source *source, uint64_t ratings,
                                       const struct cps_skip *skip, bool wide)
{
    if (ratings > 0 || !source->path)
        return CPS_OK;
    if (skip->count > 0)
        return cps_fail(CPS_ERR_DATA, "'%s' holds no ratings: none of its %" PRIu64 " lines can be read",
                        source->path, skip->count);
    return cps_fail(CPS_ERR_DATA, "'%s' holds no ratings%s", source->path, wide ? "" : ", only a header");
}

/* Reads this rank's part and joins it with those of the others. */
static enum cps_status read_sources(struct builder *self, const struct cps_dataset_sources *sources)
{
    const struct cps_peers *peers = peers_of(self);
    bool whole = sources->whole || self->request->wide, again;
    enum cps_status status = read_titles(self, sources);
    if (status == CPS_OK)
        status = read_part(self, sources, whole);
    CPS_TRY(cps_part_join(&self->part, peers, status, !whole, &self->reading, &again));
    if (again) {
        status = read_part(self, sources, true);
        CPS_TRY(cps_part_join(&self->part, peers, status, false, &self->reading, &again));
    }
    CPS_TRY(check_not_empty(&sources->ratings, self->part.first_total, &self->part.intake.skip,
                            self->request->wide));
    return check_not_empty(&sources->valid, self->part.second_total, &self->part.intake.skip,
                           self->request->wide);
}

/* ---- rows, split, samples ---- */

static enum cps_status set_split(struct builder *self)
{
    struct cps_dataset *data = &self->data;
    const struct cps_dataset_request *request = self->request;
    data->rating_count = self->part.first_total + self->part.second_total;
    data->valid_count = self->part.second_total;
    if (!self->reading.split_given)
        data->valid_count = (uint64_t)(request->valid_pct * (double)data->rating_count);
    if (data->valid_count >= data->rating_count)
        return cps_fail(CPS_ERR_DATA, "%" PRIu64 " ratings with --valid-pct %g leave none to train on",
                        data->rating_count, request->valid_pct);
    data->train_count = data->rating_count - data->valid_count;
    if (self->reading.split_given)
        cps_split_given(&self->split, data->train_count, data->valid_count);
    else
        cps_split_drawn(&self->split, request->seed, data->rating_count, data->valid_count);
    return CPS_OK;
}

/* The row of each id of this part. */
static void compose(uint32_t *number, uint32_t count, const uint32_t *row)
{
    for (uint32_t n = 0; n < count; n++)
        number[n] = row[number[n]];
}

/* Ratings get rows for numbers, which are those of the whole or, where numbers are given, of the part. */
static void number_to_row(uint32_t *column, uint64_t count, const uint32_t *row)
{
    for (uint64_t i = 0; i < count; i++)
        column[i] = row[column[i]];
}

static enum cps_status set_rows(struct builder *self)
{
    struct cps_part *part = &self->part;
    struct cps_naming naming = {.titles = self->reading.titled ? &self->titles : NULL,
                                .user_rows = self->request->user_rows,
                                .movie_rows = self->request->movie_rows};
    enum cps_status status = cps_naming_apply(&naming, &part->intake.users, &part->intake.items, &self->data);
    if (status == CPS_OK) {
        if (part->user_number) {
            compose(part->user_number, part->user_count, naming.user_row);
            compose(part->item_number, part->item_count, naming.movie_row);
        }
        number_to_row(part->list.user, part->list.count,
                      part->user_number ? part->user_number : naming.user_row);
        number_to_row(part->list.item, part->list.count,
                      part->item_number ? part->item_number : naming.movie_row);
        self->reading.user_rows = naming.user_rows;
        self->reading.movie_rows = naming.movie_rows;
    }
    cps_naming_release(&naming);
    return status;
}

static void copy_facts(const struct cps_dataset *from, struct cps_dataset *to)
{
    *to = (struct cps_dataset){.rating_count = from->rating_count,
                               .train_count = from->train_count,
                               .valid_count = from->valid_count,
                               .rating_min = from->rating_min,
                               .rating_max = from->rating_max,
                               .users.rows = from->users.rows,
                               .movies.rows = from->movies.rows,
                               .titled = from->titled};
    memcpy(to->fingerprint, from->fingerprint, sizeof to->fingerprint);
}

/* Deals the users by the hash of their ids. */
static void deal_by_hash(const struct cps_dataset *data, uint32_t shards, uint32_t *shard_of_row)
{
    for (uint32_t row = 0; row < data->users.rows; row++) {
        uint64_t length;
        const char *name = cps_vocabulary_name(&data->users, row, &length);
        shard_of_row[row] = (uint32_t)(cps_id_hash(name, length) % shards);
    }
}

static enum cps_status deal(const struct builder *self, uint32_t *shard_of_row)
{
    const struct cps_sharing *sharing = self->sharing;
    if (sharing->deal)
        return sharing->deal(sharing->context, &self->data, shard_of_row);
    deal_by_hash(&self->data, sharing->shards, shard_of_row);
    return CPS_OK;
}

static enum cps_status count_samples(struct cps_dataset *shard, uint64_t *repeats)
{
    uint64_t more;
    CPS_TRY(cps_notes_count_repeats(&shard->train, &shard->valid, &more));
    shard->sample_bytes = cps_samples_bytes(&shard->train) + cps_samples_bytes(&shard->valid);
    *repeats += more;
    return CPS_OK;
}

/* Ratings to samples; shards[s] NULL is not wanted. */
static enum cps_status deliver(struct builder *self, struct cps_dataset *const *shards)
{
    struct cps_delivery delivery = {.peers = peers_of(self),
                                    .shards = self->sharing->shards,
                                    .shard_rank = self->sharing->shard_rank,
                                    .split = self->split};
    uint32_t *shard_of_row = NULL, *places = NULL;
    enum cps_status status = cps_part_places(&self->part, &places);
    if (status == CPS_OK && self->sharing->shards == 1 && !delivery.peers && shards[0])
        return cps_samples_split(&self->part.list, places, &self->split, &shards[0]->train, &shards[0]->valid);
    if (status == CPS_OK)
        status = cps_alloc("shards of users", self->data.users.rows, sizeof *shard_of_row, &shard_of_row);
    if (status == CPS_OK)
        status = deal(self, shard_of_row);
    delivery.shard_of_row = shard_of_row;
    if (delivery.peers)
        status = delivery.peers->agree(delivery.peers->context, status);
    if (status == CPS_OK)
        status = cps_deliver(&delivery, &self->part.list, places, shards);
    else
        free(places);
    free(shard_of_row);
    return status;
}

/* All that is known before the ratings move. */
static enum cps_status settle(struct builder *self)
{
    struct cps_dataset *data = &self->data;
    data->titled = self->reading.titled;
    data->rating_min = self->part.intake.rating_min;
    data->rating_max = self->part.intake.rating_max;
    CPS_TRY(set_rows(self));
    CPS_TRY(set_split(self));
    return cps_fingerprint(self->request, &self->reading, self->synth, data->fingerprint);
}

/* Repeats of all ranks. */
static enum cps_status add_up(const struct cps_peers *peers, uint64_t *repeats)
{
    char *all = NULL;
    uint64_t *starts = NULL;
    if (!peers)
        return CPS_OK;
    enum cps_status status = cps_alloc("counts", (size_t)peers->ranks + 1, sizeof *starts, &starts);
    status = peers->agree(peers->context, status);
    if (status == CPS_OK)
        status = peers->gather(peers->context, repeats, sizeof *repeats, &all, starts);
    *repeats = 0;
    for (uint32_t rank = 0; rank < peers->ranks && status == CPS_OK; rank++) {
        uint64_t more;
        memcpy(&more, all + starts[rank], sizeof more);
        *repeats += more;
    }
    free(all);
    free(starts);
    return status;
}

static bool is_here(const struct builder *self, uint32_t shard)
{
    const struct cps_sharing *sharing = self->sharing;
    return !sharing->peers || sharing->shard_rank[shard] == sharing->peers->rank;
}

/* Wanted shards of this rank get what all know; the others' stay empty. */
static enum cps_status finish(struct builder *self, struct cps_dataset *const *shards)
{
    const struct cps_peers *peers = peers_of(self);
    enum cps_status status = settle(self);
    uint64_t repeats = 0;
    if (peers)
        status = peers->agree(peers->context, status);
    CPS_TRY(status);
    for (uint32_t s = 0; s < self->sharing->shards; s++)
        if (shards[s] && is_here(self, s))
            copy_facts(&self->data, shards[s]);
    status = deliver(self, shards);
    for (uint32_t s = 0; s < self->sharing->shards && status == CPS_OK; s++)
        if (shards[s] && is_here(self, s))
            status = count_samples(shards[s], &repeats);
    if (peers)
        status = peers->agree(peers->context, status);
    CPS_TRY(status);
    CPS_TRY(add_up(peers, &repeats));
    return cps_notes_write(&self->data, &self->part.intake.skip, repeats, &self->data.notes);
}

/* ---- the four ways in ---- */

static void builder_init(struct builder *self, const struct cps_dataset_request *request,
                         const struct cps_sharing *sharing, bool titled, bool split_given)
{
    *self = (struct builder){
        .request = request, .sharing = sharing, .reading = {.titled = titled, .split_given = split_given}};
}

/* The outcome of self, which is released. */
static enum cps_status hand_over(struct builder *self, enum cps_status status, struct cps_dataset *out)
{
    cps_titles_release(&self->titles);
    cps_part_release(&self->part);
    if (status == CPS_OK)
        *out = self->data;
    else
        cps_dataset_release(&self->data);
    return status;
}

static enum cps_status build_files(const struct cps_dataset_request *request,
                                   const struct cps_dataset_sources *sources, const struct cps_sharing *sharing,
                                   struct cps_dataset *out, struct cps_dataset *const *shards)
{
    struct builder self;
    *out = (struct cps_dataset){0};
    builder_init(&self, request, sharing, sources->titles.path, sources->valid.path);
    enum cps_status status = read_sources(&self, sources);
    if (status == CPS_OK)
        status = finish(&self, shards);
    if (status == CPS_OK)
        status = cps_notes_check_scale(&self.data, sources->ratings.path);
    return hand_over(&self, status, out);
}

static enum cps_status add_synth_titles(struct builder *self)
{
    for (uint32_t movie = 1; movie <= self->synth->movies; movie++) {
        char id[CPS_ID_INTEGER_BYTES], title[CPS_SYNTH_TITLE_BYTES];
        size_t title_length = cps_synth_title(self->synth, movie, title);
        bool agrees;
        CPS_TRY(
            cps_titles_add(&self->titles, id, cps_id_from_integer(movie, id), title, title_length, &agrees));
    }
    return CPS_OK;
}

static enum cps_status take_synth_user(struct cps_part *part, struct cps_synth *synth, uint32_t user)
{
    uint32_t count, user_number, item_number;
    const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &count);
    for (uint32_t i = 0; i < count; i++) {
        CPS_TRY(cps_intake_user(&part->intake, user, &user_number));
        CPS_TRY(cps_intake_item(&part->intake, ratings[i].movie, &item_number));
        CPS_TRY(
            cps_intake_rating(&part->intake, &part->list, user_number, item_number, (float)ratings[i].rating));
    }
    return CPS_OK;
}

static enum cps_status read_synth(struct builder *self)
{
    struct cps_synth *synth;
    bool again;
    if (self->reading.titled)
        CPS_TRY(add_synth_titles(self));
    start_part(self);
    CPS_TRY(cps_synth_create(self->synth, &synth));
    enum cps_status status = CPS_OK;
    for (uint32_t user = 1; user <= self->synth->users && status == CPS_OK; user++)
        status = take_synth_user(&self->part, synth, user);
    cps_synth_destroy(&synth);
    self->part.first_count = self->part.list.count;
    return cps_part_join(&self->part, NULL, status, false, &self->reading, &again);
}

static enum cps_status build_synth(const struct cps_dataset_request *request, const struct cps_synth_spec *spec,
                                   const struct cps_sharing *sharing, struct cps_dataset *out,
                                   struct cps_dataset *const *shards)
{
    struct builder self;
    *out = (struct cps_dataset){0};
    builder_init(&self, request, sharing, request->item_key != CPS_ITEM_KEY_ID, false);
    self.synth = spec;
    enum cps_status status = read_synth(&self);
    if (status == CPS_OK)
        status = finish(&self, shards);
    return hand_over(&self, status, out);
}

/* One shard, or none, in the same dataset as what all know. sources NULL: the synthetic set. */
static enum cps_status build_one(const struct cps_dataset_request *request,
                                 const struct cps_dataset_sources *sources, const struct cps_synth_spec *spec,
                                 struct cps_dataset *out)
{
    const struct cps_sharing sharing = {.shards = request->shards};
    struct cps_dataset one = {0}, **shards;
    *out = (struct cps_dataset){0};
    CPS_TRY(cps_alloc("shards", request->shards, sizeof(struct cps_dataset *), &shards));
    if (request->keep_samples)
        shards[request->shard] = &one;
    enum cps_status status = sources ? build_files(request, sources, &sharing, out, shards)
                                     : build_synth(request, spec, &sharing, out, shards);
    free(shards);
    if (status == CPS_OK) {
        out->train = one.train;
        out->valid = one.valid;
        out->sample_bytes = one.sample_bytes;
    } else {
        cps_dataset_release(&one);
    }
    return status;
}

enum cps_status cps_dataset_build(const struct cps_dataset_request *request,
                                  const struct cps_dataset_sources *sources, struct cps_dataset *out)
{
    return build_one(request, sources, NULL, out);
}

enum cps_status cps_dataset_build_synth(const struct cps_dataset_request *request,
                                        const struct cps_synth_spec *spec, struct cps_dataset *out)
{
    return build_one(request, NULL, spec, out);
}

/* Every shard, each in its dataset; on failure all are empty. */
static enum cps_status build_all(const struct cps_dataset_request *request,
                                 const struct cps_dataset_sources *sources, const struct cps_synth_spec *spec,
                                 const struct cps_sharing *sharing, struct cps_dataset *out,
                                 struct cps_dataset *shards)
{
    struct cps_dataset **wanted;
    CPS_TRY(cps_alloc("shards", sharing->shards, sizeof(struct cps_dataset *), &wanted));
    for (uint32_t s = 0; s < sharing->shards; s++)
        if (sources || !sharing->peers || sharing->shard_rank[s] == sharing->peers->rank)
            wanted[s] = &shards[s];
    enum cps_status status = sources ? build_files(request, sources, sharing, out, wanted)
                                     : build_synth(request, spec, sharing, out, wanted);
    for (uint32_t s = 0; s < sharing->shards && status != CPS_OK; s++)
        cps_dataset_release(&shards[s]);
    free(wanted);
    return status;
}

enum cps_status cps_dataset_build_shared(const struct cps_dataset_request *request,
                                         const struct cps_dataset_sources *sources,
                                         const struct cps_sharing *sharing, struct cps_dataset *out,
                                         struct cps_dataset *shards)
{
    return build_all(request, sources, NULL, sharing, out, shards);
}

enum cps_status cps_dataset_build_synth_shared(const struct cps_dataset_request *request,
                                               const struct cps_synth_spec *spec,
                                               const struct cps_sharing *sharing, struct cps_dataset *out,
                                               struct cps_dataset *shards)
{
    return build_all(request, NULL, spec, sharing, out, shards);
}
