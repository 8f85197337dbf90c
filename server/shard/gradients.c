/* Exact sums of the pushed gradients, row by row; see gradients.h. */
#include "server/shard/gradients.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table)
{
    *self = (struct cps_gradients){0};
    CPS_TRY(cps_alloc("the slots of gradients", table->rows, sizeof *self->slot_of, &self->slot_of));
    return cps_alloc("a pushed row", table->stride, sizeof *self->padded, &self->padded);
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

/* Gives row, which has none, a slot. Room was made. */
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

/* The sums of row: zeroes when it was not touched before, and what a single gradient
 * makes of them. *fits turns false when that is out of range. */
static int64_t *sums_of(struct cps_gradients *self, const struct cps_table *table, uint32_t row, bool *fits)
{
    bool known = self->slot_of[row] != 0;
    struct cps_touched_row *touched = known ? &self->touched[self->slot_of[row] - 1] : add_slot(self, row);
    int64_t *sums = sums_of_slot(self, table, self->slot_of[row] - 1);
    if (known && !touched->single)
        return sums;
    memset(sums, 0, table->stride * sizeof *sums);
    if (touched->single)
        *fits &= table->kernels->accumulate(sums, pad(self, table, touched->single), 1.0f, table->stride,
                                            &table->fixed);
    touched->single = NULL;
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
    size_t rows = self->count + pushed;
    CPS_TRY(cps_grow("touched rows", &self->touched, &self->row_capacity, rows, sizeof *self->touched));
    CPS_TRY(cps_grow("gradients", &self->sums, &self->sum_capacity, rows * table->stride, sizeof *self->sums));
    return cps_grow("kept payloads", &self->kept, &self->kept_capacity, self->kept_count + 1,
                    sizeof *self->kept);
}

/* Modulo 2^64: a peer's nonsense may overflow, but not in an undefined way. */
static void add_sums(int64_t *total, const int64_t *sums, uint32_t width)
{
    for (uint32_t j = 0; j < width; j++)
        total[j] = (int64_t)((uint64_t)total[j] + (uint64_t)sums[j]);
}

/* Adds one float gradient to row; false when one is out of range. */
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

enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *message)
{
    const struct cps_exchange *exchange = &message->exchange;
    size_t pushed = (size_t)exchange->sum_rows + exchange->single_rows;
    if (pushed == 0)
        return CPS_OK;
    const int64_t *sums = (const int64_t *)(const void *)message->payload->data;
    const float *singles = (const float *)(sums + (size_t)exchange->sum_rows * table->width);
    const uint32_t *keys = (const uint32_t *)(singles + (size_t)exchange->single_rows * table->width);
    CPS_TRY(check_keys(table, keys, (uint32_t)pushed, message->from));
    CPS_TRY(make_room(self, table, pushed));
    self->kept[self->kept_count++] = cps_buffer_retain(message->payload);
    bool fits = true;
    for (uint32_t i = 0; i < exchange->sum_rows; i++, sums += table->width) {
        uint32_t row = cps_table_row_of(table, *keys++);
        add_sums(sums_of(self, table, row, &fits), sums, table->width);
        if (!fits)
            return diverged(table, row, exchange->step);
    }
    for (uint32_t i = 0; i < exchange->single_rows; i++, singles += table->width) {
        uint32_t row = cps_table_row_of(table, *keys++);
        if (!add_single(self, table, row, singles))
            return diverged(table, row, exchange->step);
    }
    return CPS_OK;
}

enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct cps_touched_row *touched = &self->touched[i];
        if (i + CPS_PREFETCH_ROWS < self->count)
            cps_table_prefetch(table, touched[CPS_PREFETCH_ROWS].row);
        self->slot_of[touched->row] = 0;
        bool fine = touched->single
                        ? cps_table_train_single(table, touched->row, step, pad(self, table, touched->single))
                        : cps_table_train(table, touched->row, step, sums_of_slot(self, table, i));
        if (!fine)
            return diverged(table, touched->row, step);
    }
    self->count = 0;
    release_kept(self);
    return CPS_OK;
}
