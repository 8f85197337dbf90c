/*
 * The gradients of the step in flight: for every row that some worker pushed, the exact
 * sum over workers. Adding is associative in fixed point, so the order of arrival leaves
 * no trace.
 *
 * Most rows of a small batch are pushed once, by one worker, as floats. Such a row only
 * remembers where its gradient stands in the payload, which is kept until the step is
 * trained; a second push of the row turns it into sums.
 */
#ifndef CPS_SERVER_SHARD_GRADIENTS_H
#define CPS_SERVER_SHARD_GRADIENTS_H

#include "common/net/message.h"
#include "server/shard/table.h"

struct cps_gradients {
    uint32_t *slot_of; /* [table rows]: slot + 1 of a touched row, 0 otherwise */
    struct cps_touched_row {
        uint32_t row;
        const float *single; /* [width], in a kept payload; NULL: the row has sums */
    } * touched;             /* [count], by slot */
    int64_t *sums;           /* [count][stride], of the rows that have some */
    size_t count, row_capacity, sum_capacity;
    struct cps_buffer **kept; /* payloads, one reference each */
    size_t kept_count, kept_capacity;
    float *padded; /* [stride]: one pushed row, zero behind its width */
};

enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table);
void cps_gradients_release(struct cps_gradients *self);

/* Adds the push of an exchange whose size was checked, and keeps its payload.
 * CPS_ERR_PEER for a key that does not live in table, CPS_ERR_DIVERGED, naming the row,
 * for a gradient out of range. */
enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *exchange);

/* Trains every touched row of table with step number step (1-based) and forgets the
 * gradients. CPS_ERR_DIVERGED, naming step and row, when a gradient or a weight is out
 * of range. */
enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step);

#endif
