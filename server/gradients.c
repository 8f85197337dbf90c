/* Exact sums of the pushed gradients, row by row; see gradients.h. */
#include "server/gradients.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table)
{
    *self = (struct cps_gradients){0};
    CPS_TRY(cps_alloc("the slots of gradients", table->rows, sizeof *self->slot_of, &self->slot_of));
    return cps_alloc("a pushed row", table->stride, sizeof *self->padded, &self->padded);
}

void cps_gradients_release(struct cps_gradients *self)
{
    free(self->slot_of);
    free(self->rows);
    free(self->sums);
    free(self->padded);
    *self = (struct cps_gradients){0};
}

/* The sums of row; zeroes when it was not touched before. Room was made. */
static int64_t *sums_of(struct cps_gradients *self, const struct cps_table *table, uint32_t row)
{
    if (self->slot_of[row])
        return self->sums + (size_t)(self->slot_of[row] - 1) * table->stride;
    int64_t *sums = self->sums + self->count * table->stride;
    memset(sums, 0, table->stride * sizeof *sums);
    self->rows[self->count++] = row;
    self->slot_of[row] = (uint32_t)self->count;
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

static enum cps_status diverged(const struct cps_table *table, const char *what, uint32_t row, uint64_t step)
{
    uint32_t key = cps_table_key_of(table, row);
    bool is_user = key < table->plan.user_rows;
    cps_fail(CPS_ERR_DIVERGED, "training diverged at step %llu: the %s of %s row %u is out of range",
             (unsigned long long)step - 1, what, is_user ? "user" : "movie",
             is_user ? key : key - table->plan.user_rows);
    return cps_hint(CPS_ERR_DIVERGED, "lower --lr-max, or give the predictions a range with --y-range");
}

enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *message)
{
    const struct cps_exchange *exchange = &message->exchange;
    size_t pushed = (size_t)exchange->sum_rows + exchange->single_rows, stride = table->stride;
    if (pushed == 0)
        return CPS_OK;
    const int64_t *sums = (const int64_t *)(const void *)message->payload->data;
    const float *singles = (const float *)(sums + (size_t)exchange->sum_rows * table->width);
    const uint32_t *keys = (const uint32_t *)(singles + (size_t)exchange->single_rows * table->width);
    CPS_TRY(check_keys(table, keys, (uint32_t)pushed, message->from));
    CPS_TRY(cps_grow("touched rows", &self->rows, &self->row_capacity, self->count + pushed, sizeof *self->rows));
    CPS_TRY(cps_grow("gradients", &self->sums, &self->sum_capacity, (self->count + pushed) * stride,
                     sizeof *self->sums));
    for (uint32_t i = 0; i < exchange->sum_rows; i++) {
        int64_t *total = sums_of(self, table, cps_table_row_of(table, *keys++));
        for (uint32_t j = 0; j < table->width; j++)
            total[j] = (int64_t)((uint64_t)total[j] + (uint64_t)sums[j]);
        sums += table->width;
    }
    for (uint32_t i = 0; i < exchange->single_rows; i++) {
        uint32_t row = cps_table_row_of(table, *keys++);
        memcpy(self->padded, singles, table->width * sizeof *singles);
        if (!table->kernels->accumulate(sums_of(self, table, row), self->padded, 1.0f, stride, &table->fixed))
            return diverged(table, "gradient", row, exchange->step);
        singles += table->width;
    }
    return CPS_OK;
}

enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step)
{
    for (size_t i = 0; i < self->count; i++) {
        uint32_t row = self->rows[i];
        if (i + CPS_PREFETCH_ROWS < self->count)
            cps_table_prefetch(table, self->rows[i + CPS_PREFETCH_ROWS]);
        self->slot_of[row] = 0;
        if (!cps_table_train(table, row, step, self->sums + i * table->stride))
            return diverged(table, "weight", row, step);
    }
    self->count = 0;
    return CPS_OK;
}
