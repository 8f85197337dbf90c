/*
 * A server's rows as they were after one step, kept while a checkpoint fetches them and training continues.
 *
 * The copy is one memcpy of the table between two steps: 127 MB (20 million ratings, Adam) take some tens of
 * milliseconds. Copy-on-write per row would spread that time, but nearly every row is trained soon afterwards,
 * so the same amount would be copied in total, and each pull and each training step would need a check.
 */
#ifndef CPS_SERVER_SHARD_SNAPSHOT_H
#define CPS_SERVER_SHARD_SNAPSHOT_H

#include "server/shard/table.h"

/* A zeroed struct is a valid, empty snapshot. */
struct cps_snapshot_rows {
    float *floats;   /* [table rows][row_floats] */
    uint32_t *steps; /* [table rows] */
    uint64_t step;   /* the rows are as they were after this step */
    bool held;       /* the snapshot is still needed */
};

void cps_snapshot_rows_release(struct cps_snapshot_rows *self);

/* Copies table, in which all steps up to step are trained. Memory is allocated at the first call and kept. */
enum cps_status cps_snapshot_rows_take(struct cps_snapshot_rows *self, const struct cps_table *table,
                                       uint64_t step);

/* Writes the saved state of rows first .. first + count - 1 of table, as of the snapshot, to
 * out[count][cps_plan_state_words]. */
void cps_snapshot_rows_pack(const struct cps_snapshot_rows *self, const struct cps_table *table, uint32_t first,
                            uint32_t count, uint32_t *out);

#endif
