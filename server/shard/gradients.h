/*
 * The gradients of the step in progress: for every row that a worker pushed, the exact sum over workers.
 * Fixed-point addition is associative, so the result does not depend on the order of arrival.
 *
 * Most rows are pushed by one worker only: as floats or a slope where the gradient comes from one rating, else
 * as sums. For such a row only a pointer into the payload is stored, and the payload is kept until the step is
 * trained. A second push of the row converts it to sums in the array `sums`.
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
        bool own;              /* has an entry in sums; else exactly one of the next three is set */
        const float *single;   /* [width] */
        const int64_t *packed; /* [width] */
        const float *other;    /* [width]: the gradient is slope times this row */
        float slope;
    } * touched;   /* [count], by slot */
    int64_t *sums; /* [count][stride], used by the rows with own set */
    size_t count, row_capacity, sum_capacity;
    struct cps_buffer **kept; /* payloads, one reference each */
    size_t kept_count, kept_capacity;
    float *padded;         /* [stride]: one pushed row, padded with zeroes */
    struct cps_team *team; /* borrowed */
};

/* Initializes self for table, which has a desk for each thread of team. team trains the rows; it is borrowed.
 */
enum cps_status cps_gradients_init(struct cps_gradients *self, const struct cps_table *table,
                                   struct cps_team *team);
void cps_gradients_release(struct cps_gradients *self);

/* The rows sent to a worker in answer to its last pull. The scaled gradients that it pushes refer to them. */
struct cps_answered {
    struct cps_buffer *request, *reply; /* a reference each; NULL: no rows were pulled */
    const uint32_t *keys;               /* [rows], in the request */
    const float *weights;               /* [rows][width], in the reply */
    uint32_t rows;
};

/* Keeps the rows that request pulled and reply carries, in place of those kept before; takes a reference to
 * both buffers. keys points into request. */
void cps_answered_keep(struct cps_answered *self, const struct cps_message *request, struct cps_buffer *reply,
                       const uint32_t *keys);
void cps_answered_release(struct cps_answered *self);

/* Adds the gradients in exchange, whose size the caller has checked, and keeps its payload and the buffers of
 * answered, which belongs to its sender. CPS_ERR_PEER for a key that table does not own, CPS_ERR_DIVERGED,
 * naming the row, for a gradient out of range. */
enum cps_status cps_gradients_add(struct cps_gradients *self, const struct cps_table *table,
                                  const struct cps_message *exchange, const struct cps_answered *answered);

/* Trains every touched row of table with step number step (1-based) and clears the gradients. CPS_ERR_DIVERGED
 * when a gradient or a weight is out of range, naming step and the first such row in the order of touching. */
enum cps_status cps_gradients_apply(struct cps_gradients *self, struct cps_table *table, uint64_t step);

#endif
