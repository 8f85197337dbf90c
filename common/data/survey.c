/*
 * The first pass over a prepared set that is not copied to columns; see stored.h. Threads check and split one
 * block of the file at a time; the caller marks its places.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/parallel.h"
#include "common/data/notes.h"
#include "common/data/stored.h"
#include "common/data/survey_kernels.h"
#include "common/data/units.h"

#define BLOCK_WORDS (CPS_PREPARED_BLOCK_BYTES / sizeof(uint64_t))

enum { CHUNK = 1024 };

/* The result of a block. */
struct slot {
    uint32_t *places; /* [BLOCK_WORDS] */
    uint64_t count, units, repeats;
    uint64_t *movies; /* of a user's pairs that are compared */
    size_t movie_capacity;
};

struct survey {
    struct cps_stored *stored;
    const struct cps_split *split;
    const struct cps_reading *reading;
    struct cps_places *places;
    uint64_t first; /* block */
    uint64_t share; /* one in so many pairs is compared */
    double scale;
    uint64_t *units; /* of each value; NULL: values are stored as floats */
    struct slot *slots;
    uint64_t read;
    struct cps_survey sums;
};

/* ---- repeated pairs ---- */

static int compare_movies(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Counts the repeated ones of the pairs of one user that are compared. */
static enum cps_status count_user(const struct survey *self, uint32_t user, struct slot *slot)
{
    const struct cps_stored *stored = self->stored;
    const uint64_t begin = stored->set.user_start[user], end = stored->set.user_start[user + 1];
    uint8_t chosen[CHUNK];
    size_t count = 0;
    CPS_TRY(cps_grow("pairs", &slot->movies, &slot->movie_capacity, end - begin + 1, sizeof *slot->movies));
    for (uint64_t first = begin; first < end; first += CHUNK) {
        const uint64_t *words = stored->set.words + first;
        uint32_t n = end - first < CHUNK ? (uint32_t)(end - first) : CHUNK;
        cps_survey_choose(&stored->set, user, words, n, self->share, chosen);
        for (const uint8_t *at = memchr(chosen, 1, n); at;
             at = memchr(at + 1, 1, (size_t)(chosen + n - at - 1)))
            slot->movies[count++] = cps_stored_movie(stored, words[at - chosen]);
    }
    if (count > 1)
        qsort(slot->movies, count, sizeof *slot->movies, compare_movies);
    for (size_t k = 1; k < count; k++)
        slot->repeats += slot->movies[k] == slot->movies[k - 1];
    return CPS_OK;
}

/* The first user whose first rating is not before rating number `first`. */
static uint32_t first_user(const struct cps_prepared *set, uint64_t first)
{
    uint32_t low = 0, high = set->users.rows;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->user_start[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum cps_status count_repeats(const struct survey *self, uint64_t begin, uint64_t end, struct slot *slot)
{
    const struct cps_prepared *set = &self->stored->set;
    for (uint32_t user = first_user(set, begin); user < set->users.rows && set->user_start[user] < end; user++)
        CPS_TRY(count_user(self, user, slot));
    return CPS_OK;
}

/* ---- a block ---- */

/* The sum of the units of up to 64 words; a word whose bit in valid is set does not count. Checks the bounds of
 * ratings that are stored as floats. */
static bool add_units(const struct survey *self, const uint64_t *words, uint32_t count, uint64_t valid,
                      uint64_t *sum)
{
    const struct cps_stored *stored = self->stored;
    const uint64_t value_mask = ((uint64_t)1 << stored->set.value_bits) - 1;
    bool within = true;
    if (self->units) {
        for (uint32_t k = 0; k < count; k++)
            *sum += self->units[words[k] & value_mask] & ((valid >> k & 1) - 1);
        return true;
    }
    for (uint32_t k = 0; k < count; k++) {
        float rating = cps_stored_rating(stored, words[k]);
        within &= rating >= stored->set.facts.rating_min && rating <= stored->set.facts.rating_max;
        if (within && !(valid >> k & 1))
            *sum += (uint64_t)cps_to_units((double)rating, self->scale);
    }
    return within;
}

/* Splits up to CHUNK words, whose number `first` is a multiple of 64. */
static bool split_chunk(const struct survey *self, uint64_t first, uint32_t count, uint32_t *places,
                        uint64_t *units)
{
    const uint64_t *words = self->stored->set.words + first;
    uint64_t *validation = self->stored->validation + first / 64;
    uint32_t positions[CHUNK];
    if (!cps_survey_unpack(&self->stored->set, words, count, places))
        return false;
    cps_split_positions(self->split, places, count, positions);
    cps_survey_split(positions, count, (uint32_t)self->split->valid_count, validation);
    for (uint32_t at = 0; at < count; at += 64)
        if (!add_units(self, words + at, count - at < 64 ? count - at : 64, validation[at / 64], units))
            return false;
    return true;
}

static enum cps_status work(void *context, uint64_t piece, uint32_t slot_number)
{
    const struct survey *self = context;
    const struct cps_prepared *set = &self->stored->set;
    struct slot *slot = &self->slots[slot_number];
    uint64_t block = self->first + piece, begin = block * BLOCK_WORDS, end = begin + BLOCK_WORDS;
    end = end < set->facts.rating_count ? end : set->facts.rating_count;
    cps_prepared_expect(set, begin, end - begin);
    CPS_TRY(cps_prepared_check_block(set, block));
    slot->count = end - begin;
    slot->units = slot->repeats = 0;
    for (uint64_t at = begin; at < end; at += CHUNK)
        if (!split_chunk(self, at, (uint32_t)(end - at < CHUNK ? end - at : CHUNK), slot->places + (at - begin),
                         &slot->units))
            return cps_stored_refuse(self->stored);
    return count_repeats(self, begin, end, slot);
}

static enum cps_status take(void *context, uint64_t piece, uint32_t slot_number)
{
    struct survey *self = context;
    const struct slot *slot = &self->slots[slot_number];
    (void)piece;
    if (!cps_places_mark(self->places, slot->places, slot->count))
        return cps_prepared_refuse_places(&self->stored->set);
    self->sums.train_units += slot->units;
    self->sums.repeats += slot->repeats * self->share;
    self->read += slot->count;
    if (self->reading->on_ratings)
        return self->reading->on_ratings(self->reading->context, self->read);
    return CPS_OK;
}

/* ---- all ---- */

static enum cps_status make_room(struct survey *self, uint32_t slots)
{
    const struct cps_prepared *set = &self->stored->set;
    CPS_TRY(cps_alloc("blocks of ratings", slots, sizeof *self->slots, &self->slots));
    for (uint32_t s = 0; s < slots; s++)
        CPS_TRY(cps_alloc_raw("places", BLOCK_WORDS, sizeof *self->slots[s].places, &self->slots[s].places));
    if (!set->values)
        return CPS_OK;
    CPS_TRY(cps_alloc("values", set->value_count, sizeof *self->units, &self->units));
    for (uint32_t v = 0; v < set->value_count; v++)
        self->units[v] = (uint64_t)cps_to_units((double)set->values[v], self->scale);
    return CPS_OK;
}

static void release(struct survey *self, uint32_t slots)
{
    for (uint32_t s = 0; self->slots && s < slots; s++) {
        free(self->slots[s].places);
        free(self->slots[s].movies);
    }
    free(self->slots);
    free(self->units);
}

enum cps_status cps_stored_survey(struct cps_stored *stored, const struct cps_split *split, uint64_t first,
                                  uint64_t end, const struct cps_dataset *whole,
                                  const struct cps_reading *reading, struct cps_places *places,
                                  struct cps_survey *out)
{
    struct survey self = {.stored = stored,
                          .split = split,
                          .reading = reading,
                          .places = places,
                          .first = first,
                          .share = cps_notes_share(whole->rating_count),
                          .scale = ldexp(1.0, (int)cps_unit_bits(whole))};
    uint32_t slots = cps_parallel_slots(0);
    const struct cps_parallel job = {.pieces = end - first, .work = work, .take = take, .context = &self};
    enum cps_status status = make_room(&self, slots);
    if (status == CPS_OK)
        status = cps_parallel_run(&job);
    release(&self, slots);
    *out = self.sums;
    return status;
}
