/*
 * Reads the model: by key from the first to the last, a part of some thousand
 * rows at a time, so that the coordinator holds one part and never the whole.
 *
 *     keys of a part   k      k+1    k+2    k+3    k+4  …      (k: first_key)
 *     of 3 servers     k%3    …      …      k%3    …           each sends its own, in order
 *
 * In the block solver the rows of users come from the workers that train them.
 */
#ifndef CPS_SERVER_COORDINATOR_MODEL_READER_H
#define CPS_SERVER_COORDINATOR_MODEL_READER_H

#include "common/drive/outbox.h"

struct cps_model_reader {
    const struct cps_plan *plan;
    uint64_t step;             /* the model before which is read */
    uint32_t first_key, count; /* the part */
    uint32_t *worker_of;       /* [user_rows]; NULL if servers send all rows */
    uint32_t awaited;          /* nodes that have yet to send theirs */
    uint64_t ticket;           /* of the part, new for each */
    struct cps_model_source {
        uint32_t rows;     /* of the part */
        uint64_t answered; /* the last ticket that was answered */
        uint32_t *keys;    /* of its question; valid while it is asked */
    } * sources;           /* [nodes] */
    uint32_t nodes;
    float *rows; /* [count][cps_plan_row_width] of the part */
};

/* plan is borrowed. */
enum cps_status cps_model_reader_init(struct cps_model_reader *self, const struct cps_plan *plan);
void cps_model_reader_release(struct cps_model_reader *self);

/* Asks for the first part of the model before step. */
enum cps_status cps_model_reader_begin(struct cps_model_reader *self, uint64_t step, struct cps_outbox *outbox);

/* Asks for the part after this one, which is complete; *more is false when this was the last. */
enum cps_status cps_model_reader_next(struct cps_model_reader *self, struct cps_outbox *outbox, bool *more);

/* Adds a node's rows; *complete is set once the part is complete. CPS_ERR_PEER if the reply matches no
 * outstanding request. */
enum cps_status cps_model_reader_on_rows(struct cps_model_reader *self, const struct cps_message *message,
                                         bool *complete);

/* The first node that has not sent its rows yet; there must be one. */
uint32_t cps_model_reader_awaited(const struct cps_model_reader *self);

#endif
