/*
 * The blocks that a thread has in hand, private to the crew (crew.h), which decides which blocks these are.
 * These functions are called without the crew's mutex.
 *
 * The blocks form a queue, and each thread trains up to eight of them at a time, a stretch of some 500 ratings
 * of each. A block may follow another one with the same user block before that one is done: ratings are in the
 * order of users, so a stretch can begin once the block before has passed its users. So the rows of a few users
 * pass through up to eight movie blocks while they are in the cache.
 *
 *     movie block 3   users |==========|====>                 each arrow must stay behind the one above
 *     movie block 4         |=====>
 *     movie block 5         |==>
 *
 * A block with the same movie block as one before it begins when that one is done.
 */
#ifndef CPS_WORKER_HAND_H
#define CPS_WORKER_HAND_H

#include "common/model/residual.h"
#include "worker/order.h"

enum {
    CPS_HAND_MOST = 16, /* blocks in hand */
    CPS_HAND_NONE = CPS_HAND_MOST,
    CPS_HAND_IDLE = 8, /* ratings of a stream that finds nothing to train, before it looks again */
    CPS_HAND_SCORES = 1024,
};

struct cps_hand_block {
    uint32_t user, movie; /* block numbers; user: among those of this worker */
    uint64_t step;        /* sub-epoch */
    float *users, *movies;
    float rate, decay, bias_decay; /* see struct cps_block_stream */

    /* What follows is set by the hand. */
    const struct cps_block_rating *begin, *end;
    const struct cps_block_rating *at, *stretch_end; /* the next stretch */
    uint32_t stretch;                                /* its most ratings */
    uint32_t last_user;                              /* of the next stretch */
    uint32_t passed;                                 /* it has no ratings left of users before this one */
    uint32_t user_before, movie_before; /* earlier blocks in hand with the same rows, or CPS_HAND_NONE */
    bool in_training, done;
    bool expected;      /* the next block was read ahead */
    cps_int128 squared; /* sum of squared errors, each taken before the rating's update */
    bool wild;
};

struct cps_hand {
    float *zeroes; /* a row of the thread's own, since training stores to it, if only zeroes */
    const struct cps_hand_work *work;
    struct cps_hand_block blocks[CPS_HAND_MOST];
    uint32_t queue[CPS_HAND_MOST], held; /* the blocks, in the order in which they were added */
    struct cps_block_stream streams[CPS_BLOCK_STREAMS];
    uint32_t block_of[CPS_BLOCK_STREAMS]; /* CPS_HAND_NONE: idle */
    float score[CPS_HAND_SCORES], rating[CPS_HAND_SCORES];
    struct cps_block_supply supply;
};

/* What all hands share. */
struct cps_hand_work {
    const struct cps_plan *plan;
    const struct cps_block_rule *rule;
    const struct cps_order *order;
    const struct cps_block_kernels *kernels;
    const struct cps_block_rating *blank; /* [CPS_HAND_IDLE + CPS_BLOCK_AHEAD] of rows of zeroes */
};

void cps_hand_init(struct cps_hand *self, const struct cps_hand_work *work, float *zeroes);

/* Takes a block in hand, which must have room. Its rows are trained after those of earlier blocks in hand. */
void cps_hand_add(struct cps_hand *self, const struct cps_hand_block *block);

/* Trains until a block is done, or for a few thousand ratings of each stream: fewer if streams are idle and
 * other blocks may have come. At least one block in hand must not be done; movies is the number of their movie
 * blocks, of each of which one stretch at a time can be trained. Has blocks that follow read ahead where they
 * are in a file. */
void cps_hand_train(struct cps_hand *self, uint32_t movies);

/* Takes a block that is done out of the hand; false if there is none. */
bool cps_hand_take_done(struct cps_hand *self, struct cps_hand_block *out);

/* Adds the errors of the validation ratings of a block with these rows to sums. False when an error is out of
 * range. */
bool cps_hand_validate(struct cps_hand *self, uint32_t user_block, uint32_t movie_block, const float *users,
                       const float *movies, struct cps_error_sums *sums);

#endif
