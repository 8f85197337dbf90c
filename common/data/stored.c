/* Ratings of a mapped prepared set; see stored.h. Stands between build_prepared.c and the block solver's order.
 */
#include "common/data/stored.h"

#include <stdlib.h>

#include "common/base/memory.h"

enum { READ_AT_ONCE = 16384 }; /* a reader's samples, more for a user who has more */

enum cps_status cps_stored_create(const struct cps_prepared *set, struct cps_stored **out)
{
    struct cps_stored *self;
    CPS_TRY(cps_alloc("a prepared set", 1, sizeof *self, &self));
    self->set = *set;
    self->valid_words = set->facts.rating_count / 64 + 1;
    self->path = strdup(set->path);
    enum cps_status status = self->path ? CPS_OK : cps_fail_memory("a path", strlen(set->path));
    self->set.path = self->path;
    if (status == CPS_OK)
        status =
            cps_alloc("validation ratings", self->valid_words, sizeof *self->validation, &self->validation);
    if (status == CPS_OK)
        status =
            cps_alloc("shards of users", set->users.rows, sizeof *self->shard_of_user, &self->shard_of_user);
    if (status == CPS_OK)
        *out = self;
    else
        cps_stored_destroy(&self);
    return status;
}

void cps_stored_destroy(struct cps_stored **out)
{
    struct cps_stored *self = *out;
    if (!self)
        return;
    cps_input_release(&self->input);
    free(self->path);
    free(self->validation);
    free(self->shard_of_user);
    free(self);
    *out = NULL;
}

void cps_stored_keep(struct cps_stored *self, struct cps_input *input)
{
    self->input = *input;
    *input = (struct cps_input){0};
}

uint64_t cps_stored_count_valid(const struct cps_stored *self, uint64_t first, uint64_t end)
{
    uint64_t count = 0;
    for (uint64_t word = first / 64; word * 64 < end; word++) {
        uint64_t bits = self->validation[word];
        if (word == first / 64)
            bits &= UINT64_MAX << first % 64;
        if (end - word * 64 < 64)
            bits &= ((uint64_t)1 << end % 64) - 1;
        count += (uint64_t)__builtin_popcountll(bits);
    }
    return count;
}

enum cps_status cps_stored_refuse(const struct cps_stored *self)
{
    cps_fail(CPS_ERR_DATA, "the prepared set '%s' is damaged: a rating refers to a missing row or value",
             self->path);
    return cps_hint(CPS_ERR_DATA, "make it again with 'collab-ps prepare'");
}

/* ---- reader ---- */

static uint64_t most_of_a_user(const struct cps_stored *self)
{
    uint64_t most = 0;
    for (uint32_t user = 0; user < self->set.users.rows; user++) {
        uint64_t count = self->set.user_start[user + 1] - self->set.user_start[user];
        most = count > most ? count : most;
    }
    return most;
}

enum cps_status cps_stored_reader_init(struct cps_stored_reader *self, const struct cps_dataset *shard,
                                       bool training)
{
    *self = (struct cps_stored_reader){.stored = shard->stored, .shard = shard->shard, .training = training};
    self->room = READ_AT_ONCE + most_of_a_user(self->stored) + 1;
    return cps_alloc_raw("samples", 3 * self->room, sizeof *self->columns, &self->columns);
}

void cps_stored_reader_release(struct cps_stored_reader *self)
{
    free(self->columns);
    *self = (struct cps_stored_reader){0};
}

/* Appends one user's samples; false if a word is bad. Each rating is written and counted if it is wanted. */
static bool append_user(const struct cps_stored_reader *self, struct cps_samples *out)
{
    const struct cps_stored *stored = self->stored;
    const struct cps_prepared *set = &stored->set;
    const uint64_t end = set->user_start[self->user + 1];
    const uint64_t values = set->values ? set->value_count : UINT64_MAX;
    uint64_t at = out->count;
    for (uint64_t i = set->user_start[self->user]; i < end; i++) {
        uint64_t word = set->words[i], movie = cps_stored_movie(stored, word);
        if (movie >= set->movies.rows || cps_stored_value(stored, word) >= values)
            return false;
        out->user[at] = self->user;
        out->movie[at] = (uint32_t)movie;
        out->rating[at] = cps_stored_rating(stored, word);
        at += cps_stored_validates(stored, i) != self->training;
    }
    out->count = at;
    return true;
}

enum cps_status cps_stored_reader_next(struct cps_stored_reader *self, struct cps_samples *out)
{
    const struct cps_stored *stored = self->stored;
    const uint32_t users = stored->set.users.rows;
    *out = (struct cps_samples){.user = self->columns,
                                .movie = self->columns + self->room,
                                .rating = (float *)(void *)(self->columns + 2 * self->room)};
    for (; self->user < users && out->count < READ_AT_ONCE; self->user++)
        if (stored->shard_of_user[self->user] == self->shard && !append_user(self, out))
            return cps_stored_refuse(stored);
    return CPS_OK;
}
