/*
 * The arithmetic of the block solver: one step of SGD or row-wise AdaGrad per rating, on its user's and its
 * movie's row, in three builds with the same bits (kernels.h explains how).
 *
 * The layout of a row in the block solver, row_floats floats:
 *
 *     user   | bias | 1    | factors … | 0 … to stride |
 *     movie  | 1    | bias | factors … | 0 … to stride |  and for AdaGrad, after either:
 *                                                      | h of the factors, h of the bias, 0 … |
 *
 * so that one dot product over the stride yields the score including both biases, and both rows are updated
 * alike. The dot model has 0 in the first two places. A score is 16 partial sums (lane l adds elements l,
 * l+16, …) folded by the tree of kernels.h.
 *
 * Streams are sequences of ratings on disjoint rows, trained in parallel: the latency of one rating's dot
 * product, sigmoid and update is hidden by the others. A stream that is through its ratings is given others in
 * mid-flight. Neither the number of streams nor their boundaries affect the result.
 */
#ifndef CPS_MODEL_BLOCK_KERNELS_H
#define CPS_MODEL_BLOCK_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/kernels.h"
#include "common/model/plan.h"

enum {
    CPS_BLOCK_STREAMS = 8,       /* trained in parallel by one call, */
    CPS_BLOCK_FEWER_STREAMS = 4, /* or these */
    CPS_BLOCK_AHEAD = 2, /* ratings past a stream's end that must be readable; their values are ignored */
    CPS_BLOCK_MOST_STEPS = 4096, /* ratings of a stream per loss: more could overflow it */
    CPS_BLOCK_BIAS = 0,          /* positions in a user's row; swapped in a movie's */
    CPS_BLOCK_ONE = 1,
    CPS_BLOCK_FACTORS = 2,
    CPS_BLOCK_STATE_FLOATS = CPS_LANES,
};

/* A rating of a block; rows are relative to the block's first row. */
struct cps_block_rating {
    uint16_t user, movie;
    float rating;
};

/* The parameters shared by all blocks of a plan. */
struct cps_block_rule {
    uint32_t width;      /* elements of a row that can be nonzero: 2 + factors */
    uint32_t stride;     /* the width padded to 16 */
    uint32_t row_floats; /* the stride and the optimizer's state */
    bool adagrad, has_range;
    float offset;    /* added to every score */
    float low, span; /* of the range */
    float factors;
    double loss_scale; /* squared errors are summed in units of 1/loss_scale */
};

struct cps_block_stream {
    const struct cps_block_rating *ratings, *end; /* those to train; train() advances ratings */
    float *users, *movies;                        /* rows of its blocks, 64-byte aligned */
    float rate, decay, bias_decay;                /* lr; 1 - lr·wd of the factors and of the biases */
    int64_t loss;                                 /* train() adds the squared errors, each before its step */
    bool wild; /* set if a squared error exceeds 2^51 units or is not a number */
};

/* Where streams get their ratings. */
struct cps_block_supply {
    /* Called when a stream has trained its last rating: takes its loss and sets the stream anew, with at least
     * one rating. It may give what depends on ratings that streams have finished, in this call too. */
    void (*next)(void *context, struct cps_block_stream *stream);
    void *context;
    bool stop; /* set by next: train() is to return soon */
};

struct cps_block_kernels {
    /* Trains the next `steps` ratings of each of count streams (CPS_BLOCK_STREAMS or CPS_BLOCK_FEWER_STREAMS),
     * or fewer if supply->stop is set. At no time may two streams share a row, except that idle streams (rate
     * 0, decay 1) may share rows of zeroes, whose stride they leave unchanged. */
    void (*train)(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t count,
                  uint32_t steps, struct cps_block_supply *supply);

    /* Computes score[i] of ratings[0..count-1], without the offset; does not change the rows. */
    void (*scores)(const struct cps_block_rule *rule, const float *users, const float *movies,
                   const struct cps_block_rating *ratings, size_t count, float *restrict score);
};

struct cps_block_rule cps_block_rule_of(const struct cps_plan *plan);

/* Convert between a row of the model, [cps_plan_row_width()] as in cps_initial_row, and a row in the layout
 * above, whose padding and state are left unchanged. */
void cps_block_row_set(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *weights,
                       float *row);
void cps_block_row_get(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *row,
                       float *weights);

/* A packed row, as messages and checkpoints have it: the weights of a row of the model, and for AdaGrad the two
 * accumulators. unpack also zeroes the padding. */
static inline uint32_t cps_block_packed_floats(const struct cps_plan *plan)
{
    return cps_plan_state_words(plan) - 1;
}
void cps_block_row_pack(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *row,
                        float *packed);
void cps_block_row_unpack(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *packed,
                          float *row);

/* The block kernels for the same instruction set as kernels. */
const struct cps_block_kernels *cps_block_kernels_of(const struct cps_kernels *kernels);

/* The three builds; a NULL one was not compiled in. */
extern const struct cps_block_kernels cps_block_kernels_scalar;
const struct cps_block_kernels *cps_block_kernels_avx2(void);
const struct cps_block_kernels *cps_block_kernels_avx512(void);

#endif
