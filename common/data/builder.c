/* From the ratings read to the samples of shards; see builder.h. */
#include "common/data/builder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/deliver.h"
#include "common/data/naming.h"
#include "common/data/notes.h"
#include "common/data/vocabulary.h"

void cps_builder_init(struct cps_builder *self, const struct cps_dataset_request *request,
                      const struct cps_sharing *sharing, bool titled, bool split_given)
{
    *self = (struct cps_builder){
        .request = request, .sharing = sharing, .reading = {.titled = titled, .split_given = split_given}};
}

enum cps_status cps_builder_hand_over(struct cps_builder *self, enum cps_status status, struct cps_dataset *out)
{
    cps_titles_release(&self->titles);
    cps_part_release(&self->part);
    if (status == CPS_OK)
        *out = self->data;
    else
        cps_dataset_release(&self->data);
    return status;
}

const struct cps_peers *cps_builder_peers_of(const struct cps_builder *self)
{
    return self->synth ? NULL : self->sharing->peers;
}

void cps_builder_start_part(struct cps_builder *self)
{
    cps_part_release(&self->part);
    self->part = (struct cps_part){0};
    cps_intake_init(&self->part.intake, self->reading.titled ? &self->titles : NULL, self->request->skip_bad);
    self->part.intake.reading = self->request->reading;
    self->part.list.memory_bytes = self->prepares ? self->request->memory_bytes / 2 : 0;
}

static enum cps_status check_split(const struct cps_dataset_request *request, const struct cps_split *split)
{
    uint64_t count = split->train_count + split->valid_count;
    if (request->folds && split->valid_count == 0)
        return cps_fail(CPS_ERR_DATA, "%" PRIu64 " ratings do not fill %u folds", count, request->folds);
    if (split->train_count == 0)
        return cps_fail(CPS_ERR_DATA, "%" PRIu64 " ratings with --valid-pct %g leave none to train on", count,
                        request->valid_pct);
    return CPS_OK;
}

static enum cps_status set_split(struct cps_builder *self)
{
    struct cps_dataset *data = &self->data;
    const struct cps_dataset_request *request = self->request;
    const struct cps_part *part = &self->part;
    data->rating_count = part->first_total + part->second_total;
    if (self->reading.split_given)
        cps_split_given(&self->split, part->first_total, part->second_total);
    else if (request->folds)
        cps_split_fold(&self->split, request->seed, data->rating_count, request->fold, request->folds);
    else
        cps_split_drawn(&self->split, request->seed, data->rating_count, request->valid_pct);
    data->train_count = self->split.train_count;
    data->valid_count = self->split.valid_count;
    return check_split(request, &self->split);
}

/* Maps each id number of this part to its row. */
static void compose(uint32_t *number, uint32_t count, const uint32_t *row)
{
    for (uint32_t n = 0; n < count; n++)
        number[n] = row[number[n]];
}

/* Replaces the id numbers of ratings by rows. The numbers are merged ones, or those of the part if it has a
 * map of its own. */
static void number_to_row(uint32_t *column, uint64_t count, const uint32_t *row)
{
    for (uint64_t i = 0; i < count; i++)
        column[i] = row[column[i]];
}

/* Keeps the rows of a prepared set unless those of --init differ. */
static enum cps_status rename_rows(struct cps_builder *self)
{
    struct cps_part *part = &self->part;
    struct cps_naming naming = {.user_rows = self->request->user_rows, .movie_rows = self->request->movie_rows};
    enum cps_status status = cps_naming_rename(&naming, &self->data);
    if (status == CPS_OK && naming.user_row)
        number_to_row(part->list.user, part->list.count, naming.user_row);
    if (status == CPS_OK && naming.movie_row)
        number_to_row(part->list.item, part->list.count, naming.movie_row);
    self->reading.user_rows = naming.user_rows;
    self->reading.movie_rows = naming.movie_rows;
    cps_naming_release(&naming);
    return status;
}

static enum cps_status set_rows(struct cps_builder *self)
{
    if (self->data.users.rows > 0)
        return rename_rows(self);
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

/* Assigns users to shards by the hash of their ids. */
static void deal_by_hash(const struct cps_dataset *data, uint32_t shards, uint32_t *shard_of_row)
{
    for (uint32_t row = 0; row < data->users.rows; row++) {
        uint64_t length;
        const char *name = cps_vocabulary_name(&data->users, row, &length);
        shard_of_row[row] = (uint32_t)(cps_id_hash(name, length) % shards);
    }
}

enum cps_status cps_builder_deal(const struct cps_builder *self, uint32_t *shard_of_row)
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

/* Converts ratings to samples; a NULL in shards is a shard that is not wanted. */
static enum cps_status deliver(struct cps_builder *self, struct cps_dataset *const *shards)
{
    struct cps_delivery delivery = {.peers = cps_builder_peers_of(self),
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
        status = cps_builder_deal(self, shard_of_row);
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

enum cps_status cps_builder_settle(struct cps_builder *self)
{
    struct cps_dataset *data = &self->data;
    data->titled = self->reading.titled;
    data->rating_min = self->part.intake.rating_min;
    data->rating_max = self->part.intake.rating_max;
    CPS_TRY(set_rows(self));
    CPS_TRY(set_split(self));
    memcpy(data->texts, self->reading.text, sizeof data->texts);
    return cps_fingerprint(self->request, &self->reading, self->synth, data->fingerprint);
}

/* Sums the repeated pairs over all ranks. */
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

bool cps_builder_is_here(const struct cps_builder *self, uint32_t shard)
{
    const struct cps_sharing *sharing = self->sharing;
    return !sharing->peers || sharing->shard_rank[shard] == sharing->peers->rank;
}

enum cps_status cps_builder_finish(struct cps_builder *self, struct cps_dataset *const *shards)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    enum cps_status status = cps_builder_settle(self);
    uint64_t repeats = 0;
    if (peers)
        status = peers->agree(peers->context, status);
    CPS_TRY(status);
    for (uint32_t s = 0; s < self->sharing->shards; s++)
        if (shards[s] && cps_builder_is_here(self, s))
            copy_facts(&self->data, shards[s]);
    status = self->stored ? cps_builder_deliver_stored(self, shards, &repeats) : deliver(self, shards);
    for (uint32_t s = 0; s < self->sharing->shards && status == CPS_OK && !self->stored; s++)
        if (shards[s] && cps_builder_is_here(self, s))
            status = count_samples(shards[s], &repeats);
    if (peers)
        status = peers->agree(peers->context, status);
    CPS_TRY(status);
    CPS_TRY(add_up(peers, &repeats));
    return cps_notes_write(&self->data, &self->part.intake.skip, repeats, &self->data.notes);
}
