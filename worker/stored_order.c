/* Sorts the ratings of a prepared set into blocks; see stored_order.h. */
#include "worker/stored_order.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/spill.h"
#include "worker/dealer.h"

/* The total size of the buffers of the pass, and the limits of each. */
#define PASS_BYTES ((uint64_t)64 << 20)
#define LEAST_BUFFER_BYTES ((uint64_t)16 << 10)
#define MOST_BUFFER_BYTES ((uint64_t)1 << 20)
/* For each rating of the user blocks that are being sorted: its word, decoded, its pile, sorted. */
#define SORTING_BYTES 26
/* Words of the set that are read ahead, and then released, in one go. */
#define AHEAD_WORDS ((uint64_t)4 << 20)

struct cps_order_scratch {
    struct cps_dealer_scratch dealer;
    uint64_t *words; /* of a user block in the temporary file */
    struct cps_block_rating *sorted;
    size_t word_capacity, sorted_capacity;
};

struct pass;

struct cps_stored_order {
    struct cps_dealer dealer;
    uint32_t rows;                   /* user blocks of this worker */
    uint64_t *begin;                 /* [rows + 1]: the first rating of each, counted over all */
    uint32_t memory_rows;            /* the first ones, which are kept in memory */
    struct cps_block_rating *memory; /* their ratings */
    bool spilled;
    struct cps_spill spill; /* all ratings */
    struct pass *pass;      /* NULL: done, or none is needed */
};

/* ---- the pass ---- */

/* The words of one user block that are not written yet. */
struct buffer {
    uint64_t *words, count, written;
};

struct pass {
    const struct cps_stored_order *order;
    uint32_t shard, user; /* the next user */
    uint64_t expected;    /* words that were read ahead */
    uint16_t *row_of_user;
    struct buffer *buffers; /* [rows] */
    uint64_t *words, capacity;
};

static enum cps_status flush(const struct pass *self, uint32_t row)
{
    struct buffer *buffer = &self->buffers[row];
    uint64_t at = (self->order->begin[row] + buffer->written) * sizeof *buffer->words;
    CPS_TRY(cps_spill_write(&self->order->spill, buffer->words, buffer->count * sizeof *buffer->words, at));
    buffer->written += buffer->count;
    buffer->count = 0;
    return CPS_OK;
}

static enum cps_status add_run(const struct pass *self, uint32_t row, const uint64_t *words, uint64_t count)
{
    struct buffer *buffer = &self->buffers[row];
    while (count > 0) {
        uint64_t room = self->capacity - buffer->count, n = count < room ? count : room;
        memcpy(buffer->words + buffer->count, words, n * sizeof *words);
        buffer->count += n;
        words += n;
        count -= n;
        if (buffer->count == self->capacity)
            CPS_TRY(flush(self, row));
    }
    return CPS_OK;
}

static enum cps_status make_room(struct pass *self, const struct cps_order *order)
{
    const struct cps_blocks *blocks = &order->blocks;
    const uint32_t rows = self->order->rows;
    uint64_t bytes = PASS_BYTES / rows;
    bytes = bytes < LEAST_BUFFER_BYTES ? LEAST_BUFFER_BYTES : bytes;
    self->capacity = (bytes > MOST_BUFFER_BYTES ? MOST_BUFFER_BYTES : bytes) / sizeof *self->words;
    CPS_TRY(cps_alloc("buffers", rows, sizeof *self->buffers, &self->buffers));
    CPS_TRY(cps_alloc_raw("buffers", rows * self->capacity, sizeof *self->words, &self->words));
    CPS_TRY(cps_alloc_raw("blocks of users", blocks->tables[CPS_TABLE_USERS].rows, sizeof *self->row_of_user,
                          &self->row_of_user));
    for (uint32_t row = 0; row < rows; row++)
        self->buffers[row].words = self->words + row * self->capacity;
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t end = cps_blocks_first(blocks, CPS_TABLE_USERS, order->first_block + row + 1);
        for (uint32_t place = cps_blocks_first(blocks, CPS_TABLE_USERS, order->first_block + row); place < end;
             place++)
            self->row_of_user[cps_blocks_row(blocks, CPS_TABLE_USERS, place)] = (uint16_t)row;
    }
    return CPS_OK;
}

/* Has the words around those of the next user read ahead, and those long before released. */
static void read_ahead(struct pass *self, const struct cps_prepared *set, uint64_t end)
{
    for (; end > self->expected && self->expected < set->facts.rating_count; self->expected += AHEAD_WORDS) {
        uint64_t left = set->facts.rating_count - self->expected;
        cps_prepared_expect(set, self->expected, left < 2 * AHEAD_WORDS ? left : 2 * AHEAD_WORDS);
        if (self->expected >= 2 * AHEAD_WORDS)
            cps_prepared_forget(set, self->expected - 2 * AHEAD_WORDS, AHEAD_WORDS);
    }
}

/* Distributes the words of this shard's next users, about AHEAD_WORDS, to their user blocks in the order of the
 * set. */
static enum cps_status distribute(struct pass *self)
{
    const struct cps_stored *stored = self->order->dealer.stored;
    const struct cps_prepared *set = &stored->set;
    uint64_t stop = set->user_start[self->user] + AHEAD_WORDS;
    for (; self->user < set->users.rows && set->user_start[self->user] < stop; self->user++) {
        uint64_t begin = set->user_start[self->user], end = set->user_start[self->user + 1];
        read_ahead(self, set, end);
        if (stored->shard_of_user[self->user] == self->shard)
            CPS_TRY(add_run(self, self->row_of_user[self->user], set->words + begin, end - begin));
    }
    return CPS_OK;
}

static enum cps_status flush_all(const struct pass *self)
{
    for (uint32_t row = 0; row < self->order->rows; row++)
        CPS_TRY(flush(self, row));
    return CPS_OK;
}

static void end_pass(struct pass **out)
{
    struct pass *self = *out;
    if (!self)
        return;
    free(self->row_of_user);
    free(self->buffers);
    free(self->words);
    free(self);
    *out = NULL;
}

static enum cps_status begin_pass(struct cps_stored_order *self, const struct cps_order *order, uint32_t shard)
{
    CPS_TRY(cps_alloc("a pass", 1, sizeof *self->pass, &self->pass));
    self->pass->order = self;
    self->pass->shard = shard;
    return make_room(self->pass, order);
}

enum cps_status cps_stored_order_spread(struct cps_stored_order *self, bool *more)
{
    *more = false;
    if (!self->pass)
        return CPS_OK;
    CPS_TRY(distribute(self->pass));
    *more = self->pass->user < self->dealer.stored->set.users.rows;
    if (*more)
        return CPS_OK;
    enum cps_status status = flush_all(self->pass);
    end_pass(&self->pass);
    return status;
}

/* ---- start and end ---- */

static enum cps_status count_rows(struct cps_stored_order *self, uint32_t first_block, uint64_t *largest)
{
    *largest = 0;
    CPS_TRY(cps_alloc("user blocks", (size_t)self->rows + 1, sizeof *self->begin, &self->begin));
    for (uint32_t row = 0; row < self->rows; row++) {
        uint64_t count = cps_dealer_count(&self->dealer, first_block + row);
        self->begin[row + 1] = self->begin[row] + count;
        *largest = count > *largest ? count : *largest;
    }
    return CPS_OK;
}

/* Decides which user blocks are kept in memory: all, or as many as fit beside the memory for dealing the
 * others. */
static void divide(struct cps_stored_order *self, uint64_t largest, uint32_t threads, uint64_t memory_bytes)
{
    const uint64_t size = sizeof *self->memory;
    self->memory_rows = self->rows;
    self->spilled = self->begin[self->rows] > memory_bytes / size;
    if (!self->spilled)
        return;
    uint64_t dealing = threads * largest * SORTING_BYTES;
    uint64_t room = memory_bytes > dealing ? (memory_bytes - dealing) / size : 0;
    while (self->memory_rows > 0 && self->begin[self->memory_rows] > room)
        self->memory_rows--;
}

static enum cps_status spill(struct cps_stored_order *self, const struct cps_order *order, uint32_t shard)
{
    uint64_t ratings = self->begin[self->rows] + CPS_BLOCK_AHEAD;
    CPS_TRY(cps_spill_create(&self->spill, "the ratings, which exceed the memory,",
                             ratings * sizeof *self->memory));
    CPS_TRY(begin_pass(self, order, shard));
    return cps_spill_map(&self->spill);
}

static enum cps_status create(struct cps_stored_order *self, struct cps_order *order,
                              const struct cps_dataset *dataset, uint32_t threads, uint64_t memory_bytes)
{
    uint64_t largest;
    CPS_TRY(cps_dealer_init(&self->dealer, dataset->stored, &order->blocks));
    CPS_TRY(count_rows(self, order->first_block, &largest));
    divide(self, largest, threads, memory_bytes);
    if (self->spilled)
        CPS_TRY(spill(self, order, dataset->shard));
    uint64_t kept = self->begin[self->memory_rows];
    CPS_TRY(cps_alloc_raw("ratings by block", kept + CPS_BLOCK_AHEAD, sizeof *self->memory, &self->memory));
    memset(self->memory + kept, 0, CPS_BLOCK_AHEAD * sizeof *self->memory);
    for (uint32_t row = 0; row < self->rows; row++) {
        const struct cps_block_rating *base =
            row < self->memory_rows ? self->memory : (const void *)self->spill.map;
        order->train.row[row] = order->valid.row[row] = base + self->begin[row];
    }
    return CPS_OK;
}

enum cps_status cps_stored_order_create(struct cps_order *order, const struct cps_dataset *dataset,
                                        uint32_t threads, uint64_t memory_bytes, struct cps_stored_order **out)
{
    struct cps_stored_order *self;
    CPS_TRY(cps_alloc("the order of ratings", 1, sizeof *self, &self));
    self->rows = order->block_count;
    self->spill.fd = -1;
    enum cps_status status = create(self, order, dataset, threads, memory_bytes);
    *out = self;
    return status;
}

void cps_order_scratch_destroy(struct cps_order_scratch **out)
{
    struct cps_order_scratch *self = *out;
    if (!self)
        return;
    cps_dealer_scratch_release(&self->dealer);
    free(self->words);
    free(self->sorted);
    free(self);
    *out = NULL;
}

void cps_stored_order_destroy(struct cps_stored_order **out)
{
    struct cps_stored_order *self = *out;
    if (!self)
        return;
    cps_dealer_release(&self->dealer);
    cps_spill_release(&self->spill);
    end_pass(&self->pass);
    free(self->begin);
    free(self->memory);
    free(self);
    *out = NULL;
}

/* ---- dealing ---- */

/* Sorts a user block whose words are in the file, into out or else in their place. */
static enum cps_status deal_spilled(const struct cps_stored_order *self, uint32_t block, uint32_t row,
                                    struct cps_order_scratch *scratch, struct cps_block_rating *out,
                                    uint64_t *train, uint64_t *valid)
{
    uint64_t count = self->begin[row + 1] - self->begin[row], at = self->begin[row] * sizeof(uint64_t);
    CPS_TRY(cps_grow("a user block's ratings", &scratch->words, &scratch->word_capacity, count,
                     sizeof *scratch->words));
    CPS_TRY(cps_spill_read(&self->spill, scratch->words, count * sizeof *scratch->words, at));
    if (out)
        return cps_dealer_deal(&self->dealer, block, scratch->words, &scratch->dealer, out, train, valid);
    CPS_TRY(cps_grow("a user block's ratings", &scratch->sorted, &scratch->sorted_capacity, count,
                     sizeof *scratch->sorted));
    CPS_TRY(
        cps_dealer_deal(&self->dealer, block, scratch->words, &scratch->dealer, scratch->sorted, train, valid));
    return cps_spill_write(&self->spill, scratch->sorted, count * sizeof *scratch->sorted, at);
}

enum cps_status cps_stored_order_deal(const struct cps_stored_order *self, struct cps_order *order,
                                      uint32_t user_block, struct cps_order_scratch **scratch)
{
    uint32_t row = user_block - order->first_block;
    uint64_t starts = (uint64_t)row * (order->blocks.count + 1);
    uint64_t *train = order->train.first + starts, *valid = order->valid.first + starts;
    struct cps_block_rating *out = row < self->memory_rows ? self->memory + self->begin[row] : NULL;
    if (!*scratch)
        CPS_TRY(cps_alloc("memory for sorting", 1, sizeof **scratch, scratch));
    if (self->spilled)
        return deal_spilled(self, user_block, row, *scratch, out, train, valid);
    return cps_dealer_deal(&self->dealer, user_block, NULL, &(*scratch)->dealer, out, train, valid);
}

void cps_stored_order_advise(const struct cps_stored_order *self, const struct cps_order *order,
                             const struct cps_ordered *ordered, uint32_t user_block, uint32_t movie_block,
                             bool expected)
{
    const struct cps_block_rating *ratings;
    if (user_block - order->first_block < self->memory_rows)
        return;
    uint64_t bytes = cps_order_block(order, ordered, user_block, movie_block, &ratings) * sizeof *ratings;
    uint64_t at = (uint64_t)((const char *)ratings - self->spill.map);
    if (expected)
        cps_spill_expect(&self->spill, at, bytes);
    else
        cps_spill_forget(&self->spill, at, bytes);
}
