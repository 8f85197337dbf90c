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
    size_t count = 0, most = stored->set.user_start[user + 1] - stored->set.user_start[user];
    CPS_TRY(cps_grow("pairs", &slot->movies, &slot->movie_capacity, most + 1, sizeof *slot->movies));
    for (uint64_t i = stored->set.user_start[user]; i < stored->set.user_start[user + 1]; i++) {
        uint64_t movie = cps_stored_movie(stored, stored->set.words[i]);
        slot->movies[count] = movie;
        count += cps_notes_compares(user, (uint32_t)movie, self->share);
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

/* Extracts the places of words [0, count); false if one is bad. */
static bool unpack(const struct cps_prepared *set, const uint64_t *words, uint64_t count, uint32_t *places)
{
    const uint32_t value_bits = set->value_bits, place_shift = set->movie_bits + value_bits;
    const uint64_t movie_mask = ((uint64_t)1 << set->movie_bits) - 1,
                   value_mask = ((uint64_t)1 << value_bits) - 1;
    uint64_t movie_most = 0, place_most = 0, value_most = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t word = words[i], movie = word >> value_bits & movie_mask, value = word & value_mask;
        uint64_t place = place_shift < 64 ? word >> place_shift : 0;
        movie_most = movie > movie_most ? movie : movie_most;
        place_most = place > place_most ? place : place_most;
        value_most = value > value_most ? value : value_most;
        places[i] = (uint32_t)place;
    }
    return movie_most < set->movies.rows && place_most < set->facts.rating_count &&
           (!set->values || value_most < set->value_count);
}

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
    uint32_t positions[CHUNK], valid_count = (uint32_t)self->split->valid_count;
    if (!unpack(&self->stored->set, words, count, places))
        return false;
    cps_split_positions(self->split, places, count, positions);
    for (uint32_t at = 0; at < count; at += 64) {
        uint32_t n = count - at < 64 ? count - at : 64;
        uint64_t valid = 0;
        for (uint32_t k = 0; k < n; k++)
            valid |= (uint64_t)(positions[at + k] < valid_count) << k;
        self->stored->validation[(first + at) / 64] = valid;
        if (!add_units(self, words + at, n, valid, units))
            return false;
    }
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
