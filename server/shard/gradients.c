/* Exact sums of the pushed gradients, row by row; see gradients.h. */
#include "server/shard/gradients.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table,
                                   struct cps_team *team)
{
    *self = (struct cps_gradients){.team = team};
    CPS_TRY(cps_alloc("the slots of gradients", table->rows, sizeof *self->slot_of, &self->slot_of));
    return cps_alloc("a pushed row", table->stride, sizeof *self->padded, &self->padded);
}

void cps_answered_release(struct cps_answered *self)
{
    cps_buffer_release(self->request);
    cps_buffer_release(self->reply);
    *self = (struct cps_answered){0};
}

void cps_answered_keep(struct cps_answered *self, const struct cps_message *request, struct cps_buffer *reply,
                       const uint32_t *keys)
{
    cps_answered_release(self);
    *self = (struct cps_answered){.request = cps_buffer_retain(request->payload),
                                  .reply = cps_buffer_retain(reply),
                                  .keys = keys,
                                  .weights = (const float *)(const void *)reply->data,
                                  .rows = request->exchange.pull_rows};
}

static void release_kept(struct cps_gradients *self)
{
    for (size_t i = 0; i < self->kept_count; i++)
        cps_buffer_release(self->kept[i]);
    self->kept_count = 0;
}

void cps_gradients_release(struct cps_gradients *self)
{
    release_kept(self);
    free(self->kept);
    free(self->slot_of);
    free(self->touched);
    free(self->sums);
    free(self->padded);
    *self = (struct cps_gradients){0};
}

/* Gives row, which has no slot, a slot; there is room for it. */
static struct cps_touched_row *add_slot(struct cps_gradients *self, uint32_t row)
{
    struct cps_touched_row *touched = &self->touched[self->count++];
    *touched = (struct cps_touched_row){.row = row};
    self->slot_of[row] = (uint32_t)self->count;
    return touched;
}

static int64_t *sums_of_slot(const struct cps_gradients *self, const struct cps_table *table, size_t slot)
{
    return self->sums + slot * table->stride;
}

static const float *pad(struct cps_gradients *self, const struct cps_table *table, const float *single)
{
    memcpy(self->padded, single, table->width * sizeof *single);
    return self->padded;
}

/* Adds modulo 2^64: invalid sums from a peer may overflow, but must not be undefined behaviour. */
static void add_sums(int64_t *total, const int64_t *sums, uint32_t width)
{
    for (uint32_t j = 0; j < width; j++)
        total[j] = (int64_t)((uint64_t)total[j] + (uint64_t)sums[j]);
}

/* Adds slope·(other, 1) to sums; false if the product is out of range. */
static bool add_scaled(struct cps_gradients *self, const struct cps_table *table, const float *other,
                       float slope, int64_t *sums)
{
    pad(self, table, other);
    if (table->width > table->plan.factors)
        self->padded[table->plan.factors] = 1.0f;
    return table->kernels->accumulate(sums, self->padded, slope, table->stride, &table->fixed);
}

/* Returns the sums of a row that was touched before, converting its first gradient to sums if needed. *fits is
 * set to false if that gradient is out of range. */
static int64_t *sums_of(struct cps_gradients *self, const struct cps_table *table, uint32_t row, bool *fits)
{
    size_t slot = self->slot_of[row] - 1;
    struct cps_touched_row *touched = &self->touched[slot];
    int64_t *sums = sums_of_slot(self, table, slot);
    if (touched->own)
        return sums;
    touched->own = true;
    memset(sums, 0, table->stride * sizeof *sums);
    if (touched->single)
        *fits &= table->kernels->accumulate(sums, pad(self, table, touched->single), 1.0f, table->stride,
                                            &table->fixed);
    else if (touched->other)
        *fits &= add_scaled(self, table, touched->other, touched->slope, sums);
    else
        memcpy(sums, touched->packed, table->width * sizeof *sums);
    return sums;
}

static enum cps_status check_keys(const struct cps_table *table, const uint32_t *keys, uint32_t count,
                                  uint32_t from)
{
    for (uint32_t i = 0; i < count; i++)
        if (!cps_table_owns(table, keys[i]))
            return cps_fail(CPS_ERR_PEER, "node %u pushed key %u, which does not live on server %u", from,
                            keys[i], table->server);
    return CPS_OK;
}

static enum cps_status diverged(const struct cps_table *table, uint32_t row, uint64_t step)
{
    uint32_t key = cps_table_key_of(table, row);
    bool is_user = key < table->plan.user_rows;
    cps_fail(CPS_ERR_DIVERGED,
             "training diverged at step %llu: the gradient or a weight of %s row %u is out of range",
             (unsigned long long)step - 1, is_user ? "user" : "movie",
             is_user ? key : key - table->plan.user_rows);
    return cps_hint(CPS_ERR_DIVERGED, table->plan.has_range
                                          ? "lower --lr-max"
                                          : "lower --lr-max, or give the predictions a range with --y-range");
}

static enum cps_status make_room(struct cps_gradients *self, const struct cps_table *table, size_t pushed)
{
    size_t rows = self->count + pushed < table->rows ? self->count + pushed : table->rows;
    CPS_TRY(cps_grow("touched rows", &self->touched, &self->row_capacity, rows, sizeof *self->touched));
    CPS_TRY(cps_grow("gradients", &self->sums, &self->sum_capacity, rows * table->stride, sizeof *self->sums));
    return cps_grow("kept payloads", &self->kept, &self->kept_capacity, self->kept_count + 2,
                    sizeof *self->kept);
}

/* Adds sums to row; false if the gradient it was touched with before is out of range. */
static bool add_packed(struct cps_gradients *self, const struct cps_table *table, uint32_t row,
                       const int64_t *packed)
{
    if (self->slot_of[row] == 0) {
        add_slot(self, row)->packed = packed;
        return true;
    }
    bool fits = true;
    add_sums(sums_of(self, table, row, &fits), packed, table->width);
    return fits;
}

/* Adds one float gradient to row; false if a gradient is out of range. */
static bool add_single(struct cps_gradients *self, const struct cps_table *table, uint32_t row,
                       const float *single)
{
    if (self->slot_of[row] == 0) {
        add_slot(self, row)->single = single;
        return true;
    }
    bool fits = true;
    int64_t *sums = sums_of(self, table, row, &fits);
    return table->kernels->accumulate(sums, pad(self, table, single), 1.0f, table->stride, &table->fixed) &&
           fits;
}

/* Adds parts of gradients. */
static enum cps_status add_all_scaled(struct cps_gradients *self, const struct cps_table *table,
                                      const struct cps_scaled *scaled, const struct cps_exchange *exchange,
                                      const struct cps_answered *answered)
{
    for (const struct cps_scaled *end = scaled + exchange->scaled; scaled < end; scaled++) {
        if (scaled->row >= answered->rows || scaled->other >= answered->rows)
            return cps_fail(CPS_ERR_PEER, "a gradient of row %u by row %u of %u pulled", scaled->row,
                            scaled->other, answered->rows);
        uint32_t row = cps_table_row_of(table, answered->keys[scaled->row]);
        const float *other = answered->weights + (size_t)scaled->other * table->width;
        bool fits = true;
        if (self->slot_of[row] == 0) {
            struct cps_touched_row *touched = add_slot(self, row);
            touched->other = other;
            touched->slope = scaled->slope;
            continue;
        }
        int64_t *sums = sums_of(self, table, row, &fits);
        if (!add_scaled(self, table, other, scaled->slope, sums) || !fits)
            return diverged(table, row, exchange->step);
    }
    return CPS_OK;
}

enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *message, const struct cps_answered *answered)
{
    const struct cps_exchange *exchange = &message->exchange;
    uint32_t width = table->width, pushed = exchange->sum_rows + exchange->single_rows;
    if (pushed == 0 && exchange->scaled == 0)
        return CPS_OK;
    struct cps_exchange_parts parts = cps_exchange_parts(message, width);
    CPS_TRY(check_keys(table, parts.pushed, pushed, message->from));
    CPS_TRY(make_room(self, table, (size_t)pushed + exchange->scaled));
    self->kept[self->kept_count++] = cps_buffer_retain(message->payload);
    if (answered->reply)
        self->kept[self->kept_count++] = cps_buffer_retain(answered->reply);
    for (uint32_t i = 0; i < exchange->sum_rows; i++) {
        uint32_t row = cps_table_row_of(table, *parts.pushed++);
        if (!add_packed(self, table, row, parts.sums + (size_t)i * width))
            return diverged(table, row, exchange->step);
    }
    for (uint32_t i = 0; i < exchange->single_rows; i++) {
        uint32_t row = cps_table_row_of(table, *parts.pushed++);
        if (!add_single(self, table, row, parts.singles + (size_t)i * width))
            return diverged(table, row, exchange->step);
    }
    return add_all_scaled(self, table, parts.scaled, exchange, answered);
}

/* The rows of a step, to be trained in pieces. */
struct training {
    const struct cps_gradients *gradients;
    struct cps_table *table;
    uint32_t pieces;
    size_t first_bad[CPS_TEAM_MOST_PIECES]; /* slots, by piece; SIZE_MAX: none */
};

/* Places the contribution to the row of slot, if it has one alone. */
static void place_slot(const struct training *self, uint32_t thread, size_t slot)
{
    const struct cps_touched_row *touched = &self->gradients->touched[slot];
    if (touched->own)
        return;
    if (touched->single)
        cps_table_place_single(self->table, thread, slot % 2, touched->single);
    else if (touched->other)
        cps_table_place_scaled(self->table, thread, slot % 2, touched->other, touched->slope);
}

static bool train_slot(const struct training *self, uint32_t thread, size_t slot)
{
    const struct cps_gradients *gradients = self->gradients;
    const struct cps_touched_row *touched = &gradients->touched[slot];
    if (touched->own)
        return cps_table_train(self->table, touched->row, sums_of_slot(gradients, self->table, slot));
    if (touched->single || touched->other)
        return cps_table_train_placed(self->table, thread, slot % 2, touched->row);
    return cps_table_train_packed(self->table, thread, touched->row, touched->packed);
}

static void train_piece(void *context, uint32_t piece, uint32_t thread)
{
    struct training *self = context;
    const struct cps_gradients *gradients = self->gradients;
    size_t first, end;
    cps_team_slice(gradients->count, self->pieces, piece, &first, &end);
    self->first_bad[piece] = SIZE_MAX;
    if (first < end)
        place_slot(self, thread, first);
    for (size_t i = first; i < end; i++) {
        if (i + CPS_PREFETCH_ROWS < end)
            cps_table_prefetch(self->table, gradients->touched[i + CPS_PREFETCH_ROWS].row);
        if (i + 1 < end)
            place_slot(self, thread, i + 1);
        if (!train_slot(self, thread, i)) {
            self->first_bad[piece] = i;
            return;
        }
    }
}

enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step)
{
    struct training training; /* not zeroed: most of its entries for pieces are not used */
    training.gradients = self;
    training.table = table;
    training.pieces = cps_team_pieces(self->team, self->count);
    cps_table_begin_step(table, step);
    cps_team_run(self->team, training.pieces, train_piece, &training);
    for (uint32_t piece = 0; piece < training.pieces; piece++)
        if (training.first_bad[piece] != SIZE_MAX)
            return diverged(table, self->touched[training.first_bad[piece]].row, step);
    for (size_t i = 0; i < self->count; i++)
        self->slot_of[self->touched[i].row] = 0;
    self->count = 0;
    release_kept(self);
    return CPS_OK;
}
