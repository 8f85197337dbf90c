/*
 * A server's rows as they were after one step, kept while a checkpoint fetches them and
 * training goes on.
 *
 * The copy is one memcpy of the table, made between two steps: 127 MB (20 million
 * ratings, Adam) take some tens of milliseconds. Copying a row only when it is next
 * touched would spread that time, but every row is touched soon, so as much is copied in
 * the end, and each pull and each training step would ask first whether it has to.
 */
#ifndef CPS_SERVER_SHARD_SNAPSHOT_H
#define CPS_SERVER_SHARD_SNAPSHOT_H

#include "server/shard/table.h"

/* All zeroes is a valid one that holds nothing. */
struct cps_snapshot_rows {
    float *floats;   /* [table rows][row_floats] */
    uint32_t *steps; /* [table rows] */
    uint64_t step;   /* the rows are those after it */
    bool held;       /* and are still needed */
};

void cps_snapshot_rows_release(struct cps_snapshot_rows *self);

/* Copies table, whose steps up to step are trained. Memory is taken at the first time and kept. */
enum cps_status cps_snapshot_rows_take(struct cps_snapshot_rows *self, const struct cps_table *table,
                                       uint64_t step);

/* The saved state of rows first .. first + count - 1 of table, as it was. */
void cps_snapshot_rows_pack(const struct cps_snapshot_rows *self, const struct cps_table *table, uint32_t first,
                            uint32_t count, uint32_t *out);

#endif
