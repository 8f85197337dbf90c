/*
 * See places.h; between the reader of prepared sets and the delivery of ratings. To compare their marks, rank r
 * gets those of all ranks for the r-th part of the places.
 */
#include "common/data/places.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum { RECORD_WORDS = CPS_PEERS_RECORD_BYTES / sizeof(uint64_t) };

static uint64_t records_of(const struct cps_places *self)
{
    return self->count / (64 * RECORD_WORDS) + 1;
}

enum cps_status cps_places_init(struct cps_places *self, uint64_t count)
{
    self->count = count;
    return cps_alloc("places of ratings", records_of(self), CPS_PEERS_RECORD_BYTES, &self->seen);
}

void cps_places_release(struct cps_places *self)
{
    free(self->seen);
    *self = (struct cps_places){0};
}

/* Marks 64 consecutive places from first on. */
static uint64_t mark_run(struct cps_places *self, uint32_t first)
{
    uint64_t *word = &self->seen[first / 64];
    uint32_t shift = first % 64;
    uint64_t low = UINT64_MAX << shift, twice = word[0] & low;
    word[0] |= low;
    if (shift) {
        twice |= word[1] & ~low;
        word[1] |= ~low;
    }
    return twice;
}

/* Whether the 64 places from places on are consecutive, as they are in a text sorted by user. */
static bool is_run(const uint32_t *places)
{
    uint32_t odd = 0;
    for (uint32_t i = 1; i < 64; i++)
        odd |= places[i] - places[0] - i;
    return odd == 0;
}

bool cps_places_mark(struct cps_places *self, const uint32_t *places, uint64_t count)
{
    uint64_t twice = 0;
    for (uint64_t i = 0; i < count;) {
        if (count - i >= 64 && is_run(places + i)) {
            twice |= mark_run(self, places[i]);
            i += 64;
            continue;
        }
        for (uint64_t end = count - i < 64 ? count : i + 64; i < end; i++) {
            uint64_t bit = (uint64_t)1 << places[i] % 64, *word = &self->seen[places[i] / 64];
            twice |= *word & bit;
            *word |= bit;
        }
    }
    return twice == 0;
}

/* Whether the marks of all ranks for one part, `records` each, do not overlap. */
static bool is_disjoint(const uint64_t *all, uint64_t records, uint32_t ranks)
{
    const uint64_t words = records * RECORD_WORDS;
    uint64_t twice = 0;
    for (uint64_t w = 0; w < words; w++) {
        uint64_t seen = 0;
        for (uint32_t rank = 0; rank < ranks; rank++) {
            twice |= seen & all[rank * words + w];
            seen |= all[rank * words + w];
        }
    }
    return twice == 0;
}

/* Sends this rank's marks of rank root's part to it, and compares those of all ranks there. */
static enum cps_status compare_part(const struct cps_places *self, const struct cps_peers *peers, uint32_t root,
                                    bool *once)
{
    uint64_t first = records_of(self) * root / peers->ranks, end = records_of(self) * (root + 1) / peers->ranks;
    uint64_t count;
    void *all = NULL;
    enum cps_status status =
        peers->collect(peers->context, root, self->seen + first * RECORD_WORDS, end - first, &all, &count);
    if (status == CPS_OK && root == peers->rank)
        *once = is_disjoint(all, end - first, peers->ranks);
    free(all);
    return peers->agree(peers->context, status);
}

/* Whether every rank says so. */
static enum cps_status all_say(const struct cps_peers *peers, bool *once)
{
    char own = (char)*once, *all = NULL;
    uint64_t *starts = NULL;
    enum cps_status status = cps_alloc("what ranks tell", (size_t)peers->ranks + 1, sizeof *starts, &starts);
    status = peers->agree(peers->context, status);
    if (status == CPS_OK)
        status = peers->gather(peers->context, &own, 1, &all, starts);
    if (status == CPS_OK)
        *once = memchr(all, 0, peers->ranks) == NULL;
    free(all);
    free(starts);
    return status;
}

enum cps_status cps_places_compare(const struct cps_places *self, const struct cps_peers *peers, bool *once)
{
    *once = true;
    for (uint32_t root = 0; peers && root < peers->ranks; root++)
        CPS_TRY(compare_part(self, peers, root, once));
    return peers ? all_say(peers, once) : CPS_OK;
}
