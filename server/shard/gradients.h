/*
 * The gradients of the step in flight: for every row that some worker pushed, the exact
 * sum over workers. Fixed-point addition is associative, so the result does not depend on the order of
 * arrival.
 *
 * Most rows are pushed once, by one worker: as floats or a slope where one rating made the gradient, else as
 * sums. Such a row only remembers where that stands in the payload, which is kept until the step is
 * trained; a second push of the row turns it into sums of its own.
 */
#ifndef CPS_SERVER_SHARD_GRADIENTS_H
#define CPS_SERVER_SHARD_GRADIENTS_H

#include "common/base/team.h"
#include "common/net/message.h"
#include "server/shard/table.h"

struct cps_gradients {
    uint32_t *slot_of; /* [table rows]: slot + 1 of a touched row, 0 otherwise */
    struct cps_touched_row {
        uint32_t row;
        bool own;              /* has sums of its own; else exactly one of these, in a kept payload, is set */
        const float *single;   /* [width] */
        const int64_t *packed; /* [width] */
        const float *other;    /* [width]: the gradient is slope times it */
        float slope;
    } * touched;   /* [count], by slot */
    int64_t *sums; /* [count][stride], of the rows that have their own */
    size_t count, row_capacity, sum_capacity;
    struct cps_buffer **kept; /* payloads, one reference each */
    size_t kept_count, kept_capacity;
    float *padded;         /* [stride]: one pushed row, zero behind its width */
    struct cps_team *team; /* borrowed */
};

/* team trains the rows; table has a desk for each of its threads. */
enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table,
                                   struct cps_team *team);
void cps_gradients_release(struct cps_gradients *self);

/* Rows as a worker was answered them, at its last pull; what it pushes refers to them. */
struct cps_answered {
    struct cps_buffer *request, *reply; /* a reference each; NULL: it pulled none */
    const uint32_t *keys;               /* [rows], in the request */
    const float *weights;               /* [rows][width], in the reply */
    uint32_t rows;
};

/* In place of what was kept before: the rows that request pulled, with their keys, and that reply brings. */
void cps_answered_keep(struct cps_answered *self, const struct cps_message *request, struct cps_buffer *reply,
                       const uint32_t *keys);
void cps_answered_release(struct cps_answered *self);

/* Adds the push of an exchange whose size was checked, and keeps its payload and that of answered, its
 * sender's. CPS_ERR_PEER for a key that does not live in table, CPS_ERR_DIVERGED, naming the row,
 * for a gradient out of range. */
enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *exchange, const struct cps_answered *answered);

/* Trains every touched row of table with step number step (1-based) and forgets the
 * gradients. CPS_ERR_DIVERGED, naming step and row, the first of those touched, when a gradient or a weight
 * is out of range. */
enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step);

#endif
