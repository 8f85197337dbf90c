/*
 * Building a dataset; see build.h.
 *
 *     titles -> readers -> part -> joined with those of other ranks -> vocabularies -> rows of the ratings
 *                                                                   -> split        -> samples of the shards
 */
#include "common/data/build.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/builder.h"
#include "common/data/notes.h"
#include "common/data/ratings.h"
#include "common/data/wide.h"

static enum cps_status read_source(struct cps_builder *self, const struct cps_source *source,
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

static enum cps_status read_part(struct cps_builder *self, const struct cps_dataset_sources *sources,
                                 bool whole)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    struct cps_ratings_share share = {.index = 0, .count = 1};
    cps_builder_start_part(self);
    if (peers && whole && peers->rank != 0)
        return CPS_OK;
    if (peers && !whole)
        share = (struct cps_ratings_share){.index = peers->rank, .count = peers->ranks};
    CPS_TRY(read_source(self, &sources->ratings, share));
    self->part.first_count = self->part.list.count;
    return self->reading.split_given ? read_source(self, &sources->valid, share) : CPS_OK;
}

/* Hashes the texts on a thread while they are parsed. */
struct hashing {
    const struct cps_source *texts[CPS_TEXTS];
    struct cps_fingerprint_reading *reading;
    struct cps_failure failure;
    pthread_t thread;
    bool has_thread;
};

static enum cps_status hash_texts(const struct hashing *self)
{
    for (int i = 0; i < CPS_TEXTS; i++)
        if (self->texts[i]->path)
            CPS_TRY(cps_text_digest_of(self->texts[i]->data, self->texts[i]->size, &self->reading->text[i]));
    return CPS_OK;
}

static void *run_hashing(void *context)
{
    struct hashing *self = context;
    cps_failure_note(&self->failure, hash_texts(self));
    return NULL;
}

/* Begins to hash the texts on rank 0, and on ranks on other hosts, whose files may differ. */
static void begin_hashing(struct hashing *self, struct cps_builder *builder,
                          const struct cps_dataset_sources *sources)
{
    const uint64_t worth_a_thread = 1 << 20; /* bytes */
    const struct cps_peers *peers = cps_builder_peers_of(builder);
    bool first = !peers || peers->rank == 0, whole = sources->whole && !first;
    struct cps_fingerprint_reading *reading = &builder->reading;
    *self =
        (struct hashing){.texts = {&sources->titles, &sources->ratings, &sources->valid}, .reading = reading};
    reading->hashed = first || (!peers->first_host && !sources->whole);
    for (int i = 0; i < CPS_TEXTS; i++) {
        reading->present[i] = self->texts[i]->path != NULL;
        reading->text[i].bytes = whole && i != CPS_TEXT_TITLES ? 0 : self->texts[i]->size;
    }
    if (!reading->hashed)
        return;
    if (sources->ratings.size >= worth_a_thread)
        self->has_thread = pthread_create(&self->thread, NULL, run_hashing, self) == 0;
    if (!self->has_thread)
        run_hashing(self);
}

/* Returns status, or that of the hashing if it is CPS_OK. */
static enum cps_status end_hashing(struct hashing *self, enum cps_status status)
{
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    return status == CPS_OK ? cps_failure_raise(&self->failure) : status;
}

static enum cps_status read_titles(struct cps_builder *self, const struct cps_dataset_sources *sources)
{
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

/* Reads this rank's part and merges it with those of the others. */
static enum cps_status read_sources(struct cps_builder *self, const struct cps_dataset_sources *sources)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    bool whole = sources->whole || self->request->wide, again;
    struct hashing hashing;
    begin_hashing(&hashing, self, sources);
    enum cps_status status = read_titles(self, sources);
    if (status == CPS_OK)
        status = read_part(self, sources, whole);
    status = end_hashing(&hashing, status);
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

static enum cps_status read_all(struct cps_builder *self, const struct cps_dataset_sources *sources)
{
    if (sources->prepared)
        return cps_builder_read_prepared(self, sources->prepared);
    return self->synth ? cps_builder_read_synth(self) : read_sources(self, sources);
}

static void init(struct cps_builder *self, const struct cps_dataset_request *request,
                 const struct cps_dataset_sources *sources, const struct cps_sharing *sharing)
{
    bool titled = sources->synth ? request->item_key != CPS_ITEM_KEY_ID : sources->titles.path != NULL;
    cps_builder_init(self, request, sharing, titled, sources->valid.path);
    self->synth = sources->synth;
}

static enum cps_status build(const struct cps_dataset_request *request,
                             const struct cps_dataset_sources *sources, const struct cps_sharing *sharing,
                             struct cps_dataset *out, struct cps_dataset *const *shards)
{
    struct cps_builder self;
    *out = (struct cps_dataset){0};
    init(&self, request, sources, sharing);
    enum cps_status status = read_all(&self, sources);
    if (status == CPS_OK)
        status = cps_builder_finish(&self, shards);
    if (status == CPS_OK && sources->ratings.path)
        status = cps_notes_check_scale(&self.data, sources->ratings.path);
    return cps_builder_hand_over(&self, status, out);
}

enum cps_status cps_dataset_build(const struct cps_dataset_request *request,
                                  const struct cps_dataset_sources *sources, struct cps_dataset *out)
{
    const struct cps_sharing alone = {.shards = request->shards};
    struct cps_dataset one = {0}, **shards;
    *out = (struct cps_dataset){0};
    CPS_TRY(cps_alloc("shards", request->shards, sizeof(struct cps_dataset *), &shards));
    if (request->keep_samples)
        shards[request->shard] = &one;
    enum cps_status status = build(request, sources, &alone, out, shards);
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

enum cps_status cps_dataset_build_shared(const struct cps_dataset_request *request,
                                         const struct cps_dataset_sources *sources,
                                         const struct cps_sharing *sharing, struct cps_dataset *out,
                                         struct cps_dataset *shards)
{
    struct cps_dataset **wanted;
    CPS_TRY(cps_alloc("shards", sharing->shards, sizeof(struct cps_dataset *), &wanted));
    for (uint32_t s = 0; s < sharing->shards; s++)
        if (!sources->synth || !sharing->peers || sharing->shard_rank[s] == sharing->peers->rank)
            wanted[s] = &shards[s];
    enum cps_status status = build(request, sources, sharing, out, wanted);
    for (uint32_t s = 0; s < sharing->shards && status != CPS_OK; s++)
        cps_dataset_release(&shards[s]);
    free(wanted);
    return status;
}

/* ---- preparing ---- */

/* The facts stored in the file of the prepared set. */
static struct cps_prepared_facts facts_of(const struct cps_builder *self)
{
    const struct cps_dataset_request *request = self->request;
    const struct cps_part *part = &self->part;
    return (struct cps_prepared_facts){.rating_count = part->list.count,
                                       .first_count = part->first_total,
                                       .rating_min = part->intake.rating_min,
                                       .rating_max = part->intake.rating_max,
                                       .reading = self->reading,
                                       .user_column = request->user_column,
                                       .item_column = request->item_column,
                                       .rating_column = request->rating_column,
                                       .missing = request->missing,
                                       .wide = request->wide,
                                       .latin1 = request->latin1,
                                       .skip_bad = request->skip_bad,
                                       .skipped = part->intake.skip.count,
                                       .told = part->intake.skip.told.data,
                                       .columns = self->data.columns};
}

/* Sets the hashes of source files that are the same as those of the texts. */
static void take_hashes(struct cps_prepared_facts *facts)
{
    struct cps_prepared_source *source = facts->sources;
    for (int i = 0; i < CPS_TEXTS; i++) {
        if (!facts->reading.present[i])
            continue;
        if (!source->sha256[0])
            cps_sha256_to_hex(facts->reading.text[i].sha256, source->sha256);
        source++;
    }
}

enum cps_status cps_dataset_prepare(const struct cps_dataset_request *request,
                                    const struct cps_dataset_sources *sources,
                                    const struct cps_prepared_source *origin, uint32_t origin_count,
                                    const char *path, struct cps_dataset *out)
{
    const struct cps_sharing alone = {.shards = 1};
    struct cps_builder self;
    *out = (struct cps_dataset){0};
    init(&self, request, sources, &alone);
    self.prepares = true;
    enum cps_status status = read_sources(&self, sources);
    if (status == CPS_OK)
        status = cps_builder_settle(&self);
    if (status == CPS_OK)
        status = cps_notes_check_scale(&self.data, sources->ratings.path);
    struct cps_prepared_facts facts = facts_of(&self);
    memcpy(facts.sources, origin, origin_count * sizeof *origin);
    facts.source_count = origin_count;
    take_hashes(&facts);
    if (status == CPS_OK)
        status = cps_prepared_write(path, &facts, &self.data, &self.part.list, request->memory_bytes);
    if (status == CPS_OK)
        status = cps_notes_write(&self.data, &self.part.intake.skip, 0, &self.data.notes);
    return cps_builder_hand_over(&self, status, out);
}
