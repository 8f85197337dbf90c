/*
 * Writes the gradients of a step directly into the exchanges that carry them. Each row's gradient has one of
 * the forms of gather.h: an exact sum, the gradient of its only sample, or the slopes of its few samples, whose
 * other rows the server holds.
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
    uint32_t stride;       /* of sums: the padded width of a row */
    void **place;          /* [rows]: where the row's gradient, or its next part, is written */
    int64_t **sum;         /* [rows]: the sum of a row that is pushed as a sum, NULL for the others */
    int64_t *sums;         /* [sum rows][stride] */
    size_t row_capacity, place_capacity, sum_capacity;
};

enum cps_status cps_push_init(struct cps_push *self, const struct cps_plan *plan,
                              const struct cps_kernels *kernels, struct cps_team *team);
void cps_push_release(struct cps_push *self);

/* The payload size in bytes of the push of the share of server. */
size_t cps_push_bytes(const struct cps_gather *gather, uint32_t server);

/* Begins a step with the rows of gather, none of which has a place yet. */
enum cps_status cps_push_begin(struct cps_push *self, const struct cps_gather *gather);

/* Lays out the push of the share of server at the front of exchange's payload, which has room for it, and sets
 * the row counts of exchange. The payload must not move before cps_push_gradients. */
void cps_push_place(struct cps_push *self, const struct cps_gather *gather, uint32_t server,
                    struct cps_message *exchange);

/* Writes the gradients of all rows that were placed. slope[i] is the derivative of the loss with respect to the
 * score of sample i. False when a gradient that this worker sums is out of range. */
bool cps_push_gradients(struct cps_push *self, const struct cps_gather *gather, const float *slope);

#endif
