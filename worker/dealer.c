/*
 * See dealer.h. Ratings are decoded and counted, user after user, then distributed to their blocks, and each
 * block is sorted in the cache.
 */
#include "worker/dealer.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/sort_by.h"

enum { AHEAD = 4 }; /* users whose words are prefetched */

/* The words of one user. */
struct run {
    const uint64_t *words;
    uint64_t first, count; /* first: the number of the rating in the file */
};

/* The state of sorting one block. */
struct deal {
    const struct cps_dealer *dealer;
    struct run *runs; /* [users] by place */
    uint32_t users;
    uint64_t count;
    struct cps_dealer_scratch *scratch;
    struct cps_block_rating *out; /* [count] */
    uint64_t *next;               /* [G][2]: the size, then the next place of each pile */
};

enum cps_status cps_dealer_init(struct cps_dealer *self, const struct cps_stored *stored,
                                const struct cps_blocks *blocks)
{
    const uint32_t rows = stored->set.movies.rows;
    *self = (struct cps_dealer){.stored = stored, .blocks = *blocks};
    CPS_TRY(cps_alloc("places of rows", rows, sizeof *self->movies, &self->movies));
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t place = cps_blocks_place(blocks, CPS_TABLE_MOVIES, row);
        uint32_t block = cps_blocks_of(blocks, CPS_TABLE_MOVIES, place);
        self->movies[row] = (struct cps_movie_place){
            .block = (uint16_t)block,
            .within = (uint16_t)(place - cps_blocks_first(blocks, CPS_TABLE_MOVIES, block))};
    }
    return CPS_OK;
}

void cps_dealer_release(struct cps_dealer *self)
{
    free(self->movies);
    self->movies = NULL;
}

void cps_dealer_scratch_release(struct cps_dealer_scratch *self)
{
    free(self->ratings);
    free(self->pile_of);
    *self = (struct cps_dealer_scratch){0};
}

uint64_t cps_dealer_count(const struct cps_dealer *self, uint32_t block)
{
    const uint64_t *start = self->stored->set.user_start;
    uint32_t end = cps_blocks_first(&self->blocks, CPS_TABLE_USERS, block + 1);
    uint64_t count = 0;
    for (uint32_t place = cps_blocks_first(&self->blocks, CPS_TABLE_USERS, block); place < end; place++) {
        uint32_t row = cps_blocks_row(&self->blocks, CPS_TABLE_USERS, place);
        count += start[row + 1] - start[row];
    }
    return count;
}

/* ---- the users of a block ---- */

static int compare_rows(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Finds the runs in words, where users are in the order of their rows. */
static enum cps_status place_runs(struct deal *self, const uint64_t *words, const uint32_t *rows)
{
    uint64_t *order;
    CPS_TRY(cps_alloc_raw("users", self->users, sizeof *order, &order));
    for (uint32_t within = 0; within < self->users; within++)
        order[within] = (uint64_t)rows[within] << 32 | within;
    qsort(order, self->users, sizeof *order, compare_rows);
    for (uint32_t i = 0; i < self->users; i++) {
        struct run *run = &self->runs[(uint32_t)order[i]];
        run->words = words;
        words += run->count;
    }
    free(order);
    return CPS_OK;
}

static enum cps_status find_runs(struct deal *self, uint32_t block, const uint64_t *words)
{
    const struct cps_blocks *blocks = &self->dealer->blocks;
    const struct cps_prepared *set = &self->dealer->stored->set;
    uint32_t first = cps_blocks_first(blocks, CPS_TABLE_USERS, block), *rows;
    self->users = cps_blocks_rows(blocks, CPS_TABLE_USERS, block);
    CPS_TRY(cps_alloc_raw("users", self->users, sizeof *self->runs, &self->runs));
    CPS_TRY(cps_alloc_raw("users", self->users, sizeof *rows, &rows));
    for (uint32_t within = 0; within < self->users; within++) {
        uint32_t row = rows[within] = cps_blocks_row(blocks, CPS_TABLE_USERS, first + within);
        uint64_t begin = set->user_start[row], count = set->user_start[row + 1] - begin;
        self->runs[within] = (struct run){.words = set->words + begin, .first = begin, .count = count};
        self->count += count;
    }
    enum cps_status status = words ? place_runs(self, words, rows) : CPS_OK;
    free(rows);
    return status;
}

/* ---- sorting ---- */

/* Decodes the run of one user into rating and pile; false if a word is bad. The pile of a rating is twice its
 * movie block, and one more for validation. */
static bool decode_run(const struct deal *self, const struct run *run, uint16_t within,
                       struct cps_block_rating *rating, uint16_t *pile)
{
    const struct cps_stored *stored = self->dealer->stored;
    const struct cps_movie_place *places = self->dealer->movies;
    const float *values = stored->set.values;
    const uint64_t *validation = stored->validation, *words = run->words, first = run->first;
    const uint32_t rows = stored->set.movies.rows, value_bits = stored->set.value_bits;
    const uint64_t movie_mask = ((uint64_t)1 << stored->set.movie_bits) - 1,
                   value_mask = ((uint64_t)1 << value_bits) - 1;
    const uint64_t value_count = values ? stored->set.value_count : UINT64_MAX;
    bool sound = true;
    for (uint64_t k = 0; k < run->count; k++) {
        uint64_t word = words[k], movie = word >> value_bits & movie_mask, value = word & value_mask;
        bool fine = movie < rows && value < value_count;
        sound &= fine;
        struct cps_movie_place at = places[fine ? movie : 0];
        rating[k] = (struct cps_block_rating){.user = within, .movie = at.within};
        if (values)
            rating[k].rating = values[fine ? value : 0];
        else
            memcpy(&rating[k].rating, &(uint32_t){(uint32_t)value}, sizeof rating[k].rating);
        pile[k] = (uint16_t)(2 * at.block + (validation[(first + k) / 64] >> (first + k) % 64 & 1));
    }
    return sound;
}

static enum cps_status decode_runs(struct deal *self)
{
    struct cps_block_rating *rating = self->scratch->ratings;
    uint16_t *pile = self->scratch->pile_of;
    for (uint32_t within = 0; within < self->users; within++) {
        const struct run *run = &self->runs[within];
        if (within + AHEAD < self->users)
            __builtin_prefetch(self->runs[within + AHEAD].words);
        if (!decode_run(self, run, (uint16_t)within, rating, pile))
            return cps_stored_refuse(self->dealer->stored);
        for (uint64_t k = 0; k < run->count; k++)
            self->next[pile[k]]++;
        rating += run->count;
        pile += run->count;
    }
    return CPS_OK;
}

/* Lays out the piles: first those of training ratings, by movie block, then those of validation ratings. */
static void lay_out(struct deal *self, uint64_t *train, uint64_t *valid)
{
    uint64_t sum = 0;
    for (uint32_t validation = 0; validation < 2; validation++) {
        uint64_t *first = validation ? valid : train;
        for (uint32_t j = 0; j < self->dealer->blocks.count; j++) {
            uint64_t *next = &self->next[2 * j + validation], count = *next;
            first[j] = *next = sum;
            sum += count;
        }
        first[self->dealer->blocks.count] = sum;
    }
}

/* Sorts the training ratings of each movie block, which are in the order of users, by user and movie. The
 * decoded ratings are no longer needed. */
static enum cps_status sort_blocks(struct deal *self, const uint64_t *train)
{
    const struct cps_blocks *blocks = &self->dealer->blocks;
    struct cps_block_rating *spare = self->scratch->ratings;
    uint32_t *starts;
    CPS_TRY(cps_alloc_raw("starts of rows", CPS_BLOCK_MOST_ROWS + 1, sizeof *starts, &starts));
    for (uint32_t j = 0; j < blocks->count; j++) {
        struct cps_block_rating *ratings = self->out + train[j];
        uint64_t count = train[j + 1] - train[j];
        cps_sort_by(false, ratings, count, starts, cps_blocks_rows(blocks, CPS_TABLE_MOVIES, j), spare);
        cps_sort_by(true, spare, count, starts, self->users, ratings);
    }
    free(starts);
    return CPS_OK;
}

static enum cps_status deal(struct deal *self, uint32_t block, const uint64_t *words, uint64_t *train,
                            uint64_t *valid)
{
    struct cps_dealer_scratch *scratch = self->scratch;
    CPS_TRY(find_runs(self, block, words));
    CPS_TRY(cps_alloc("blocks", 2 * (size_t)self->dealer->blocks.count, sizeof *self->next, &self->next));
    CPS_TRY(cps_grow("a user block's ratings", &scratch->ratings, &scratch->rating_capacity, self->count,
                     sizeof *scratch->ratings));
    CPS_TRY(cps_grow("a user block's ratings", &scratch->pile_of, &scratch->pile_capacity, self->count,
                     sizeof *scratch->pile_of));
    CPS_TRY(decode_runs(self));
    lay_out(self, train, valid);
    for (uint64_t i = 0; i < self->count; i++)
        self->out[self->next[scratch->pile_of[i]]++] = scratch->ratings[i];
    return sort_blocks(self, train);
}

enum cps_status cps_dealer_deal(const struct cps_dealer *self, uint32_t block, const uint64_t *words,
                                struct cps_dealer_scratch *scratch, struct cps_block_rating *out,
                                uint64_t *train, uint64_t *valid)
{
    struct deal dealing = {.dealer = self, .scratch = scratch, .out = out};
    enum cps_status status = deal(&dealing, block, words, train, valid);
    free(dealing.runs);
    free(dealing.next);
    return status;
}
