/*
 * The gradients of a step, written straight into the exchanges that carry them: rows hit
 * once by this worker's samples as the float gradient itself, rows hit more often as an
 * exact sum.
 */
#ifndef CPS_WORKER_PUSH_H
#define CPS_WORKER_PUSH_H

#include "common/model/kernels.h"
#include "common/net/message.h"
#include "worker/gather.h"

struct cps_push {
    struct cps_plan plan;
    const struct cps_kernels *kernels;
    struct cps_fixed_point fixed;
    uint32_t stride; /* of sums: the row's width, padded */
    float **single;  /* [rows]: where the gradient of a row hit once goes */
    int64_t **sum;   /* [rows]: where a row hit more often is summed, NULL for the others */
    int64_t *sums;   /* [sum rows][stride] */
    size_t row_capacity, single_capacity, sum_capacity;
};

enum cps_status cps_push_init(struct cps_push *self, const struct cps_plan *plan,
                              const struct cps_kernels *kernels);
void cps_push_release(struct cps_push *self);

/* Payload bytes of the push of gather's share of server. */
size_t cps_push_bytes(const struct cps_gather *gather, uint32_t server);

/* Begins a step: no row has a place yet. */
enum cps_status cps_push_begin(struct cps_push *self, const struct cps_gather *gather);

/* Lays out the push of server's share in exchange, whose payload has room for it in
 * front, and sets its row counts. The payload must stay where it is until _finish. */
void cps_push_place(struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                    struct cps_message *exchange);

/* Adds up the gradients: slope[i] is the derivative of the loss by sample i's score.
 * Returns the number of samples, or the first whose gradient is out of range. */
uint32_t cps_push_gradients(struct cps_push *self, const struct cps_gather *gather, const float *slope);

/* Copies the sums into the exchange of server. */
void cps_push_finish(const struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                     struct cps_message *exchange);

#endif
