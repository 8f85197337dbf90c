/*
 * The gradients of a step, written straight into the exchanges that carry them, each row's in its form
 * (gather.h): an exact sum, the gradient of its one sample, or the slopes of its few samples, whose rows the
 * server has at hand.
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
    struct cps_team *team; /* borrowed */
    uint32_t stride;       /* of sums: the row's width, padded */
    void **place;          /* [rows]: where the row's gradient, or the next part of it, goes */
    int64_t **sum;         /* [rows]: where a row that is summed is, NULL for the others */
    int64_t *sums;         /* [sum rows][stride] */
    size_t row_capacity, place_capacity, sum_capacity;
};

enum cps_status cps_push_init(struct cps_push *self, const struct cps_plan *plan,
                              const struct cps_kernels *kernels, struct cps_team *team);
void cps_push_release(struct cps_push *self);

/* Payload bytes of the push of gather's share of server. */
size_t cps_push_bytes(const struct cps_gather *gather, uint32_t server);

/* Begins a step: no row has a place yet. */
enum cps_status cps_push_begin(struct cps_push *self, const struct cps_gather *gather);

/* Lays out the push of server's share in exchange, whose payload has room for it in
 * front, and sets its row counts. The payload must stay where it is until _gradients. */
void cps_push_place(struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                    struct cps_message *exchange);

/* Writes the gradients: slope[i] is the derivative of the loss by sample i's score. False when one that this
 * worker sums is out of range. */
bool cps_push_gradients(struct cps_push *self, const struct cps_gather *gather, const float *slope);

#endif
