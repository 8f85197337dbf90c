/* Builds datasets from prepared sets; see builder.h and build.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/build.h"
#include "common/data/builder.h"
#include "common/data/places.h"
#include "common/data/stored.h"
#include "common/data/vocabulary.h"

/* Refuses options for reading text: a prepared set fixes them, and only the split can still be chosen. */
static enum cps_status check_options(const struct cps_dataset_request *request, const struct cps_prepared *set)
{
    const char *odd = request->user_column     ? "--user-column"
                      : request->item_column   ? "--item-column"
                      : request->rating_column ? "--rating-column"
                      : request->wide          ? "--layout"
                      : request->latin1        ? "--encoding"
                      : request->skip_bad      ? "--skip-bad"
                                               : NULL;
    bool by_id = request->item_key == CPS_ITEM_KEY_ID, by_title = request->item_key == CPS_ITEM_KEY_TITLE;
    if (set->facts.reading.titled ? by_id : by_title)
        odd = "--item-key";
    if (!odd)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "%s is for reading text, and '%s' is a prepared set", odd, set->path);
    return cps_hint(CPS_ERR_USAGE, "give it to 'collab-ps prepare'");
}

static enum cps_status copy_names(struct cps_builder *self, const struct cps_prepared *set)
{
    CPS_TRY(cps_vocabulary_copy(&set->users, &self->data.users));
    CPS_TRY(cps_vocabulary_copy(&set->movies, &self->data.movies));
    return set->movie_ids.rows ? cps_vocabulary_copy(&set->movie_ids, &self->data.movie_ids) : CPS_OK;
}

/* Copies the options that the text was read with into the request, for the fingerprint. */
static void say_as_prepared(struct cps_builder *self, const struct cps_prepared *set)
{
    self->said = *self->request;
    self->said.user_column = set->facts.user_column;
    self->said.item_column = set->facts.item_column;
    self->said.rating_column = set->facts.rating_column;
    self->said.wide = set->facts.wide;
    self->said.missing = set->facts.missing;
    self->said.latin1 = set->facts.latin1;
    self->said.skip_bad = set->facts.skip_bad;
    self->request = &self->said;
}

/* Reads this rank's part, a contiguous range of the file. */
static enum cps_status read_part(struct cps_builder *self, const struct cps_prepared *set)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    const struct cps_prepared_facts *facts = &set->facts;
    uint64_t count = facts->rating_count, first = 0, end = count;
    if (peers) {
        first = count * peers->rank / peers->ranks;
        end = count * (peers->rank + 1) / peers->ranks;
    }
    CPS_TRY(check_options(self->request, set));
    CPS_TRY(cps_prepared_check_sources(set));
    say_as_prepared(self, set);
    self->reading = facts->reading;
    self->data.titled = facts->reading.titled;
    cps_builder_start_part(self);
    struct cps_part *part = &self->part;
    part->intake.rating_min = facts->rating_min;
    part->intake.rating_max = facts->rating_max;
    part->intake.skip.count = facts->skipped;
    part->first_total = facts->first_count;
    part->second_total = count - facts->first_count;
    if (facts->told)
        CPS_TRY(cps_text_add(&part->intake.skip.told, "%s", facts->told));
    snprintf(self->data.columns, sizeof self->data.columns, "%s", facts->columns ? facts->columns : "");
    CPS_TRY(copy_names(self, set));
    /* With a start whose rows are numbers the ratings' rows may change. */
    if (self->request->keep_stored && !self->request->user_rows && !self->request->movie_rows) {
        self->stored = set;
        return CPS_OK;
    }
    return cps_prepared_read(set, first, end - first, &part->list, &part->places);
}

static enum cps_status agree(const struct cps_peers *peers, enum cps_status status)
{
    return peers ? peers->agree(peers->context, status) : status;
}

/* Refuses a set in which two ratings have the same place, whichever ranks read them. */
static enum cps_status compare_places(const struct cps_places *places, const struct cps_peers *peers,
                                      const struct cps_prepared *set)
{
    bool once;
    CPS_TRY(cps_places_compare(places, peers, &once));
    return once ? CPS_OK : cps_prepared_refuse_places(set);
}

/* Marks the places of the ratings read into columns. */
static enum cps_status check_columns(const struct cps_part *part, const struct cps_prepared *set,
                                     struct cps_places *out)
{
    CPS_TRY(cps_places_init(out, set->facts.rating_count));
    return cps_places_mark(out, part->places, part->list.count) ? CPS_OK : cps_prepared_refuse_places(set);
}

enum cps_status cps_builder_read_prepared(struct cps_builder *self, const struct cps_prepared *set)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    struct cps_places places = {0};
    enum cps_status status = read_part(self, set);
    if (status == CPS_OK && !self->stored)
        status = check_columns(&self->part, set, &places);
    status = agree(peers, status);
    if (status == CPS_OK && !self->stored)
        status = compare_places(&places, peers, set);
    cps_places_release(&places);
    return status;
}

/* ---- ratings that stay in their file ---- */

/* The part of blocks that rank k of n surveys begins with this one. */
static uint64_t first_block(const struct cps_prepared *set, uint32_t rank, uint32_t ranks)
{
    const uint64_t block_words = CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t);
    return (set->facts.rating_count + block_words - 1) / block_words * rank / ranks;
}

/* Surveys this rank's part of the set. */
static enum cps_status survey(struct cps_builder *self, struct cps_stored *stored, struct cps_places *places,
                              struct cps_survey *out)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    uint32_t rank = peers ? peers->rank : 0, ranks = peers ? peers->ranks : 1;
    CPS_TRY(cps_places_init(places, stored->set.facts.rating_count));
    CPS_TRY(cps_builder_deal(self, stored->shard_of_user));
    return cps_stored_survey(stored, &self->split, first_block(&stored->set, rank, ranks),
                             first_block(&stored->set, rank + 1, ranks), &self->data, &self->request->reading,
                             places, out);
}

/* Gathers which ratings are for validation. Parts begin at whole words. */
static enum cps_status share_validation(struct cps_stored *stored, const struct cps_peers *peers)
{
    const uint64_t words = CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t) / 64;
    uint64_t first = first_block(&stored->set, peers->rank, peers->ranks) * words;
    uint64_t end = first_block(&stored->set, peers->rank + 1, peers->ranks) * words;
    uint64_t *starts = NULL;
    char *all = NULL;
    end = end < stored->valid_words ? end : stored->valid_words;
    enum cps_status status = cps_alloc("parts", (size_t)peers->ranks + 1, sizeof *starts, &starts);
    status = peers->agree(peers->context, status);
    if (status == CPS_OK)
        status = peers->gather(peers->context, stored->validation + first, (end - first) * sizeof(uint64_t),
                               &all, starts);
    if (status == CPS_OK)
        memcpy(stored->validation, all, starts[peers->ranks]);
    free(all);
    free(starts);
    return peers->agree(peers->context, status);
}

/* Adds up the rating sums of all ranks. */
static enum cps_status share_units(struct cps_stored *stored, const struct cps_peers *peers)
{
    uint64_t *starts = NULL, units, sum = 0;
    char *all = NULL;
    enum cps_status status = cps_alloc("parts", (size_t)peers->ranks + 1, sizeof *starts, &starts);
    status = peers->agree(peers->context, status);
    if (status == CPS_OK)
        status = peers->gather(peers->context, &stored->train_units, sizeof units, &all, starts);
    for (uint32_t rank = 0; rank < peers->ranks && status == CPS_OK; rank++) {
        memcpy(&units, all + starts[rank], sizeof units);
        sum += units;
    }
    stored->train_units = sum;
    free(all);
    free(starts);
    return peers->agree(peers->context, status);
}

/* Counts the samples of a shard, which stay where they are. */
static void describe_shard(const struct cps_stored *stored, uint32_t shard, struct cps_dataset *out)
{
    const uint64_t *start = stored->set.user_start;
    uint64_t all = 0, valid = 0;
    for (uint32_t user = 0; user < stored->set.users.rows; user++) {
        if (stored->shard_of_user[user] != shard)
            continue;
        all += start[user + 1] - start[user];
        valid += cps_stored_count_valid(stored, start[user], start[user + 1]);
    }
    out->train.count = all - valid;
    out->valid.count = valid;
    out->sample_bytes = all * sizeof(uint64_t);
    out->shard = shard;
}

/* Checks and splits the set, all ranks together. */
static enum cps_status survey_together(struct cps_builder *self, struct cps_stored *stored, uint64_t *repeats)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    struct cps_places places = {0};
    struct cps_survey found = {0};
    enum cps_status status = agree(peers, survey(self, stored, &places, &found));
    if (status == CPS_OK)
        status = compare_places(&places, peers, &stored->set);
    cps_places_release(&places);
    CPS_TRY(status);
    stored->train_units = found.train_units;
    *repeats = found.repeats;
    if (!peers)
        return CPS_OK;
    CPS_TRY(share_units(stored, peers));
    return share_validation(stored, peers);
}

enum cps_status cps_builder_deliver_stored(struct cps_builder *self, struct cps_dataset *const *shards,
                                           uint64_t *repeats)
{
    struct cps_dataset *data = &self->data;
    enum cps_status status = cps_stored_create(self->stored, &data->stored);
    data->owns_stored = status == CPS_OK;
    CPS_TRY(agree(cps_builder_peers_of(self), status));
    CPS_TRY(survey_together(self, data->stored, repeats));
    for (uint32_t s = 0; s < self->sharing->shards; s++) {
        if (!shards[s] || !cps_builder_is_here(self, s))
            continue;
        describe_shard(data->stored, s, shards[s]);
        shards[s]->stored = data->stored;
    }
    return CPS_OK;
}
