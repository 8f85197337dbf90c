/*
 * The ratings of a prepared set as the block solver reads them: from the mapped file, user by user, instead of
 * from columns in memory.
 *
 *     words        user 1 | user 2        | user 3 | …      of the file
 *     validation     0 0 1 0 0 0 1 …                         a bit per rating
 */
#ifndef CPS_DATA_STORED_H
#define CPS_DATA_STORED_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/places.h"
#include "common/data/prepared.h"
#include "common/data/samples.h"
#include "common/text/input.h"

struct cps_stored {
    struct cps_prepared set;
    struct cps_input input; /* the file that set is a view of, if self keeps it open */
    char *path;
    uint64_t *validation;    /* whether each rating is for validation */
    uint64_t valid_words;    /* the length of validation */
    uint32_t *shard_of_user; /* [set.users.rows] */
    uint64_t train_units;    /* the sum of the training ratings in units of the whole set, modulo 2^64 */
};

/* Creates *out with validation unset. The file of set must stay mapped until destroy, or cps_stored_keep(). */
enum cps_status cps_stored_create(const struct cps_prepared *set, struct cps_stored **out);
void cps_stored_destroy(struct cps_stored **self);

/* Moves the open file to self. */
void cps_stored_keep(struct cps_stored *self, struct cps_input *input);

static inline uint64_t cps_stored_movie(const struct cps_stored *self, uint64_t word)
{
    return word >> self->set.value_bits & (((uint64_t)1 << self->set.movie_bits) - 1);
}

static inline uint64_t cps_stored_value(const struct cps_stored *self, uint64_t word)
{
    return word & (((uint64_t)1 << self->set.value_bits) - 1);
}

/* The rating of a checked word. */
static inline float cps_stored_rating(const struct cps_stored *self, uint64_t word)
{
    uint32_t value = (uint32_t)cps_stored_value(self, word);
    float rating;
    if (self->set.values)
        return self->set.values[value];
    memcpy(&rating, &value, sizeof rating);
    return rating;
}

/* Whether rating number i of the file is for validation. */
static inline bool cps_stored_validates(const struct cps_stored *self, uint64_t i)
{
    return self->validation[i / 64] >> i % 64 & 1;
}

/* How many of ratings [first, end) are for validation. */
uint64_t cps_stored_count_valid(const struct cps_stored *self, uint64_t first, uint64_t end);

/* Fails with CPS_ERR_DATA: a word refers to a missing row or value. */
enum cps_status cps_stored_refuse(const struct cps_stored *self);

/* A reader of the training or validation samples of one shard, some at a time, by user. */
struct cps_stored_reader {
    const struct cps_stored *stored;
    uint32_t shard, user;
    bool training;
    uint64_t room;
    uint32_t *columns; /* user | movie | rating, [room] each */
};

enum cps_status cps_stored_reader_init(struct cps_stored_reader *self, const struct cps_dataset *shard,
                                       bool training);
void cps_stored_reader_release(struct cps_stored_reader *self);

/* Reads the next samples, all of some users, without an index; they stay valid until the next call. *out is
 * empty at the end. CPS_ERR_DATA for a file that was changed since it was checked. */
enum cps_status cps_stored_reader_next(struct cps_stored_reader *self, struct cps_samples *out);

/* ---- the first pass ---- */

/* What a rank's part of the set contributes to the whole. */
struct cps_survey {
    uint64_t train_units; /* as in cps_stored */
    uint64_t repeats;     /* as cps_notes_count_repeats(); of the users whose first rating is in the part */
};

/* Checks blocks [first, end) of the file, sets their bits of self->validation, and marks their places. whole
 * has the counts and bounds of the set. Uses all processors that the process may use. CPS_ERR_DATA for a
 * damaged set. */
enum cps_status cps_stored_survey(struct cps_stored *self, const struct cps_split *split, uint64_t first,
                                  uint64_t end, const struct cps_dataset *whole,
                                  const struct cps_reading *reading, struct cps_places *places,
                                  struct cps_survey *out);

#endif
