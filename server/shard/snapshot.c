/* A copy of a table between two steps; see snapshot.h. */
#include "server/shard/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_snapshot_rows_release(struct cps_snapshot_rows *self)
{
    free(self->floats);
    free(self->steps);
    *self = (struct cps_snapshot_rows){0};
}

static enum cps_status reserve(struct cps_snapshot_rows *self, const struct cps_table *table)
{
    if (!self->floats)
        CPS_TRY(cps_alloc("a snapshot of the rows", (size_t)table->rows * table->row_floats, sizeof(float),
                          &self->floats));
    if (!self->steps)
        CPS_TRY(cps_alloc("a snapshot of the rows' steps", table->rows, sizeof *self->steps, &self->steps));
    return CPS_OK;
}

enum cps_status cps_snapshot_rows_take(struct cps_snapshot_rows *self, const struct cps_table *table,
                                       uint64_t step)
{
    CPS_TRY(reserve(self, table));
    memcpy(self->floats, table->floats, (size_t)table->rows * table->row_floats * sizeof(float));
    memcpy(self->steps, table->step, table->rows * sizeof *self->steps);
    self->step = step;
    self->held = true;
    return CPS_OK;
}

void cps_snapshot_rows_pack(const struct cps_snapshot_rows *self, const struct cps_table *table, uint32_t first,
                            uint32_t count, uint32_t *out)
{
    uint32_t words = cps_plan_state_words(&table->plan);
    for (uint32_t row = first; row < first + count; row++, out += words)
        cps_table_pack(table, self->floats + (size_t)row * table->row_floats, self->steps[row], out);
}
