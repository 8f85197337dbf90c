/*
 * The eight blocks that a thread trains at a time, private to the crew (crew.h), which decides which blocks
 * these are. These functions are called without the crew's mutex.
 */
#ifndef CPS_WORKER_HAND_H
#define CPS_WORKER_HAND_H

#include "common/model/residual.h"
#include "worker/order.h"

enum { CPS_HAND_EMPTY = UINT32_MAX, CPS_HAND_SCORES = 1024 };

/* Slots without a block train a row of zeroes. */
struct cps_hand {
    float *zeroes; /* a row of the thread's own, since training stores to it, if only zeroes */
    struct cps_block_stream streams[CPS_BLOCK_STREAMS];
    uint32_t user[CPS_BLOCK_STREAMS],
        movie[CPS_BLOCK_STREAMS]; /* CPS_HAND_EMPTY: no block; user: of this worker's */
    uint64_t left[CPS_BLOCK_STREAMS], ratings[CPS_BLOCK_STREAMS];
    cps_int128 squared[CPS_BLOCK_STREAMS];
    uint32_t held;
    float score[CPS_HAND_SCORES], rating[CPS_HAND_SCORES];
};

/* What all hands share. */
struct cps_hand_work {
    const struct cps_plan *plan;
    const struct cps_block_rule *rule;
    const struct cps_order *order;
    const struct cps_block_kernels *kernels;
    const struct cps_block_rating *blank; /* ratings of rows of zeroes */
};

/* Trains some ratings of each block, and has those that follow read ahead where they are in a file. */
void cps_hand_train(struct cps_hand *self, const struct cps_hand_work *work);

/* Adds the errors of the validation ratings of a block with these rows to sums. False when an error is out of
 * range. */
bool cps_hand_validate(struct cps_hand *self, const struct cps_hand_work *work, uint32_t user_block,
                       uint32_t movie_block, const float *users, const float *movies,
                       struct cps_error_sums *sums);

#endif
