/* Checks of a whole set; see notes.h. The last step of build.c. */
#include "common/data/notes.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/memory.h"

/* The approximate number of pairs that are compared. */
#define PAIRS ((uint64_t)1 << 20)
/* The range of ratings is hardly ever this large; that of counts is. */
#define WIDE_SPAN 1000.0f
/* 1973 and 2286 as seconds since 1970. */
#define FIRST_TIMESTAMP 1e8f
#define LAST_TIMESTAMP 1e10f
/* 1973 and 2286 in milliseconds. */
#define FIRST_MILLISECOND 1e11f
#define LAST_MILLISECOND 1e13f

/* A set of pairs: open addressing, at most half full; 0 is free. */
struct pairs {
    uint64_t *slots;
    uint64_t mask, count, repeats;
};

static enum cps_status pairs_grow(struct pairs *self)
{
    struct pairs grown = {.mask = self->mask * 2 + 1, .count = self->count, .repeats = self->repeats};
    CPS_TRY(cps_alloc("pairs", grown.mask + 1, sizeof *grown.slots, &grown.slots));
    for (uint64_t i = 0; i <= self->mask; i++) {
        uint64_t pair = self->slots[i], slot = cps_notes_mix(pair) >> 20 & grown.mask;
        while (pair && grown.slots[slot])
            slot = (slot + 1) & grown.mask;
        if (pair)
            grown.slots[slot] = pair;
    }
    free(self->slots);
    *self = grown;
    return CPS_OK;
}

static enum cps_status pairs_add(struct pairs *self, uint64_t pair, uint64_t hash)
{
    uint64_t slot = hash >> 20 & self->mask;
    for (; self->slots[slot]; slot = (slot + 1) & self->mask)
        if (self->slots[slot] == pair) {
            self->repeats++;
            return CPS_OK;
        }
    self->slots[slot] = pair;
    return ++self->count * 2 > self->mask ? pairs_grow(self) : CPS_OK;
}

static enum cps_status add_samples(struct pairs *self, const struct cps_samples *samples, uint64_t chosen)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        uint64_t pair = ((uint64_t)samples->user[i] << 32 | samples->movie[i]) + 1, hash = cps_notes_mix(pair);
        if ((hash & chosen) == 0)
            CPS_TRY(pairs_add(self, pair, hash));
    }
    return CPS_OK;
}

uint64_t cps_notes_share(uint64_t count)
{
    uint64_t share = 1;
    while (count / share > PAIRS)
        share *= 2;
    return share;
}

enum cps_status cps_notes_count_repeats(const struct cps_samples *train, const struct cps_samples *valid,
                                        uint64_t *out)
{
    struct pairs pairs = {.mask = 4095};
    uint64_t share = cps_notes_share(train->count + valid->count);
    while (pairs.mask < (train->count + valid->count) / share * 2)
        pairs.mask = pairs.mask * 2 + 1;
    CPS_TRY(cps_alloc("pairs", pairs.mask + 1, sizeof *pairs.slots, &pairs.slots));
    enum cps_status status = add_samples(&pairs, train, share - 1);
    if (status == CPS_OK)
        status = add_samples(&pairs, valid, share - 1);
    free(pairs.slots);
    *out = pairs.repeats * share;
    return status;
}

enum cps_status cps_notes_check_scale(const struct cps_dataset *data, const char *path)
{
    float low = data->rating_min, high = data->rating_max, largest = high > -low ? high : low;
    if (high < CPS_RATING_LIMIT && low > -CPS_RATING_LIMIT)
        return CPS_OK;
    bool seconds = low >= FIRST_TIMESTAMP && high <= LAST_TIMESTAMP;
    bool milliseconds = low >= FIRST_MILLISECOND && high <= LAST_MILLISECOND;
    if (seconds || milliseconds) {
        cps_fail(CPS_ERR_DATA, "the ratings of '%s', %.0f to %.0f, are timestamps", path, (double)low,
                 (double)high);
        return cps_hint(CPS_ERR_DATA,
                        "--rating-column gives the column of the ratings, by name or by position from 1");
    }
    cps_fail(CPS_ERR_DATA, "a rating of %.9g in '%s', but ratings must be below %.0f", (double)largest, path,
             (double)CPS_RATING_LIMIT);
    return cps_hint(CPS_ERR_DATA, "--rating-column gives their column; take the logarithm of counts or sums");
}

static enum cps_status note_skipped(const struct cps_skip *skip, struct cps_text *out)
{
    if (skip->count == 0)
        return CPS_OK;
    CPS_TRY(cps_text_add(out, "%" PRIu64 " line%s that cannot be read %s left out%s\n", skip->count,
                         skip->count == 1 ? "" : "s", skip->count == 1 ? "was" : "were",
                         skip->count > CPS_SKIP_TOLD ? "; the first ten:" : ":"));
    return cps_text_add_bytes(out, skip->told.data, skip->told.length);
}

static enum cps_status note_scale(const struct cps_dataset *data, struct cps_text *out)
{
    float low = data->rating_min, high = data->rating_max;
    if (low == high)
        return cps_text_add(out, "all ratings are %g, so there is nothing to learn\n", (double)low);
    if (high - low < WIDE_SPAN)
        return CPS_OK;
    return cps_text_add(out,
                        "ratings range from %.7g to %.7g; if they are counts, their logarithms train better\n",
                        (double)low, (double)high);
}

static enum cps_status note_repeats(const struct cps_dataset *data, uint64_t repeats, struct cps_text *out)
{
    /* A few items of a set with titles share a title. */
    if (repeats == 0 || (data->titled && repeats < data->rating_count / 100))
        return CPS_OK;
    return cps_text_add(
        out, "%s%" PRIu64 " ratings (%.2g %%) repeat a pair of user and item; all of them are used\n",
        data->rating_count > PAIRS ? "about " : "", repeats,
        100.0 * (double)repeats / (double)data->rating_count);
}

enum cps_status cps_notes_write(const struct cps_dataset *data, const struct cps_skip *skip, uint64_t repeats,
                                struct cps_text *out)
{
    CPS_TRY(note_skipped(skip, out));
    CPS_TRY(note_scale(data, out));
    return note_repeats(data, repeats, out);
}
