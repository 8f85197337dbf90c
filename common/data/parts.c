/*
 * See parts.h; between the readers and the vocabularies of build.c.
 *
 *     every rank sends to every other:   summary | skipped lines | users | items
 */
#include "common/data/parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/merge.h"

/* The summary that a rank sends of its part. */
struct summary {
    uint64_t first_count, second_count, skipped, told_bytes;
    float rating_min, rating_max;
    int32_t status;
    bool spans_lines, hashed;
    struct cps_text_digest digests[CPS_TEXTS];
};

/* The messages of all ranks, concatenated. */
struct words {
    char *all;
    uint64_t *starts;
};

void cps_part_release(struct cps_part *self)
{
    cps_intake_release(&self->intake);
    cps_rating_list_release(&self->list);
    free(self->user_number);
    free(self->item_number);
    free(self->places);
    self->user_number = self->item_number = self->places = NULL;
}

enum cps_status cps_part_places(struct cps_part *self, uint32_t **out)
{
    *out = self->places;
    self->places = NULL;
    if (*out)
        return CPS_OK;
    CPS_TRY(cps_alloc("places", self->list.count, sizeof **out, out));
    for (uint64_t i = 0; i < self->list.count; i++)
        (*out)[i] = (uint32_t)(i < self->first_count ? self->first_place + i
                                                     : self->second_place + (i - self->first_count));
    return CPS_OK;
}

/* ---- sending ---- */

static enum cps_status write_words(const struct cps_part *self, enum cps_status status,
                                   const struct cps_fingerprint_reading *digests, struct cps_text *out)
{
    const struct cps_intake *intake = &self->intake;
    struct summary summary = {.first_count = self->first_count,
                              .second_count = self->list.count - self->first_count,
                              .skipped = intake->skip.count,
                              .told_bytes = intake->skip.told.length,
                              .rating_min = intake->rating_min,
                              .rating_max = intake->rating_max,
                              .status = (int32_t)status,
                              .spans_lines = self->spans_lines,
                              .hashed = digests->hashed};
    memcpy(summary.digests, digests->text, sizeof summary.digests);
    CPS_TRY(cps_text_add_bytes(out, &summary, sizeof summary));
    CPS_TRY(cps_text_add_bytes(out, intake->skip.told.data, intake->skip.told.length));
    CPS_TRY(cps_merge_write(&intake->users, out));
    return cps_merge_write(&intake->items, out);
}

static void words_release(struct words *self)
{
    free(self->all);
    free(self->starts);
}

static struct summary summary_of(const struct words *words, uint32_t rank)
{
    struct summary summary;
    memcpy(&summary, words->all + words->starts[rank], sizeof summary);
    return summary;
}

/* ---- receiving ---- */

static bool must_read_again(const struct cps_part *self, const struct cps_peers *peers,
                            const struct words *words)
{
    uint64_t skipped = 0;
    for (uint32_t rank = 0; rank < peers->ranks; rank++) {
        struct summary summary = summary_of(words, rank);
        skipped += summary.skipped;
        if (summary.spans_lines || (summary.status == CPS_ERR_DATA && self->intake.skip.limit > 0))
            return true;
    }
    return skipped > self->intake.skip.limit;
}

static bool same_texts(const struct summary *a, const struct summary *b)
{
    for (int i = 0; i < CPS_TEXTS; i++)
        if (b->digests[i].bytes > 0 && a->digests[i].bytes != b->digests[i].bytes)
            return false;
    return !b->hashed || memcmp(a->digests, b->digests, sizeof a->digests) == 0;
}

static enum cps_status compare_digests(const struct cps_peers *peers, const struct words *words,
                                       struct cps_fingerprint_reading *digests)
{
    struct summary first = summary_of(words, 0);
    for (uint32_t rank = 1; rank < peers->ranks; rank++) {
        struct summary summary = summary_of(words, rank);
        if (!same_texts(&first, &summary))
            return cps_fail(CPS_ERR_DATA, "rank %u reads other ratings than rank 0", rank);
    }
    memcpy(digests->text, first.digests, sizeof digests->text);
    return CPS_OK;
}

static void add_counts(struct cps_part *self, const struct cps_peers *peers, const struct words *words)
{
    for (uint32_t rank = 0; rank < peers->ranks; rank++) {
        struct summary summary = summary_of(words, rank);
        if (rank < peers->rank) {
            self->first_place += summary.first_count;
            self->second_place += summary.second_count;
        }
        self->first_total += summary.first_count;
        self->second_total += summary.second_count;
        if (summary.rating_min < self->intake.rating_min)
            self->intake.rating_min = summary.rating_min;
        if (summary.rating_max > self->intake.rating_max)
            self->intake.rating_max = summary.rating_max;
    }
    self->second_place += self->first_total;
}

/* Sums the skipped lines of all ranks and keeps the text of the first CPS_SKIP_TOLD. */
static enum cps_status add_skipped(struct cps_skip *skip, const struct cps_peers *peers,
                                   const struct words *words)
{
    uint64_t lines = 0;
    cps_text_clear(&skip->told);
    skip->count = 0;
    for (uint32_t rank = 0; rank < peers->ranks; rank++) {
        struct summary summary = summary_of(words, rank);
        const char *at = words->all + words->starts[rank] + sizeof summary, *end = at + summary.told_bytes;
        skip->count += summary.skipped;
        for (; at < end && lines < CPS_SKIP_TOLD; lines++) {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            const char *next = newline ? newline + 1 : end;
            CPS_TRY(cps_text_add_bytes(&skip->told, at, (size_t)(next - at)));
            at = next;
        }
    }
    return CPS_OK;
}

static enum cps_status merge_ids(struct cps_part *self, const struct cps_peers *peers,
                                 const struct words *words)
{
    struct cps_ids users = {0}, items = {0};
    self->user_count = self->intake.users.count;
    self->item_count = self->intake.items.count;
    enum cps_status status =
        cps_alloc("numbers of users", self->intake.users.count, sizeof *self->user_number, &self->user_number);
    if (status == CPS_OK)
        status = cps_alloc("numbers of items", self->intake.items.count, sizeof *self->item_number,
                           &self->item_number);
    for (uint32_t rank = 0; rank < peers->ranks && status == CPS_OK; rank++) {
        struct summary summary = summary_of(words, rank);
        const char *at = words->all + words->starts[rank] + sizeof summary + summary.told_bytes;
        const char *end = words->all + words->starts[rank + 1];
        bool own = rank == peers->rank;
        uint64_t used = 0;
        status = cps_merge_add(&users, at, (uint64_t)(end - at), &used, own ? self->user_number : NULL);
        if (status == CPS_OK)
            status = cps_merge_add(&items, at + used, (uint64_t)(end - at) - used, &used,
                                   own ? self->item_number : NULL);
    }
    cps_ids_release(&self->intake.users);
    cps_ids_release(&self->intake.items);
    self->intake.users = users;
    self->intake.items = items;
    return status;
}

static enum cps_status hear(struct cps_part *self, const struct cps_peers *peers, const struct words *words,
                            struct cps_fingerprint_reading *digests)
{
    CPS_TRY(compare_digests(peers, words, digests));
    add_counts(self, peers, words);
    CPS_TRY(add_skipped(&self->intake.skip, peers, words));
    if (self->first_total + self->second_total > CPS_RATINGS_MAX)
        return cps_fail(CPS_ERR_DATA, "more than %u ratings", CPS_RATINGS_MAX);
    return merge_ids(self, peers, words);
}

static enum cps_status join_alone(struct cps_part *self)
{
    self->first_total = self->first_count;
    self->second_place = self->first_count;
    self->second_total = self->list.count - self->first_count;
    return CPS_OK;
}

/* Exchanges messages about the parts with all ranks. */
static enum cps_status exchange_words(const struct cps_part *self, const struct cps_peers *peers,
                                      enum cps_status status, const struct cps_fingerprint_reading *digests,
                                      struct words *out)
{
    struct cps_text own = {0};
    /* Bad data is reported in the message; any other error ends the reading on all ranks here. */
    enum cps_status ready = status == CPS_ERR_DATA ? CPS_OK : status;
    if (ready == CPS_OK)
        ready = cps_alloc("what ranks tell", (size_t)peers->ranks + 1, sizeof *out->starts, &out->starts);
    if (ready == CPS_OK)
        ready = write_words(self, status, digests, &own);
    ready = peers->agree(peers->context, ready);
    if (ready == CPS_OK)
        ready = peers->gather(peers->context, own.data, own.length, &out->all, out->starts);
    cps_text_release(&own);
    return ready;
}

enum cps_status cps_part_join(struct cps_part *self, const struct cps_peers *peers, enum cps_status status,
                              bool may_read_again, struct cps_fingerprint_reading *digests, bool *again)
{
    struct words words = {0};
    *again = false;
    if (!peers)
        return status != CPS_OK ? status : join_alone(self);
    enum cps_status heard = exchange_words(self, peers, status, digests, &words);
    if (heard == CPS_OK)
        *again = may_read_again && must_read_again(self, peers, &words);
    if (heard == CPS_OK && !*again)
        heard = peers->agree(peers->context, status);
    if (heard == CPS_OK && !*again)
        heard = peers->agree(peers->context, hear(self, peers, &words, digests));
    words_release(&words);
    return heard;
}
