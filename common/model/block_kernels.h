/*
 * The arithmetic of the block solver: one step of SGD or row-wise AdaGrad a rating, on its two rows, in
 * three builds with the same bits (kernels.h tells how they are held together).
 *
 * A row as the block solver trains it, row_floats floats:
 *
 *     user   | bias | 1    | factors … | 0 … to stride |
 *     movie  | 1    | bias | factors … | 0 … to stride |  and for AdaGrad, behind either:
 *                                                      | h of the factors, h of the bias, 0 … |
 *
 * so that one dot product over the stride is the score with both biases in it, and the two rows move
 * alike. The dot model has 0 in the first two places. A score is 16 partial sums (lane l adds elements l,
 * l+16, …) folded by the tree of kernels.h.
 *
 * Streams are ratings of disjoint rows, trained side by side: a rating's chain of dot product, sigmoid and
 * update hides behind those of the others. How many there are, and where one starts, changes no bit.
 */
#ifndef CPS_MODEL_BLOCK_KERNELS_H
#define CPS_MODEL_BLOCK_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/kernels.h"
#include "common/model/plan.h"

enum {
    CPS_BLOCK_STREAMS = 8, /* trained side by side */
    CPS_BLOCK_AHEAD = 2,   /* ratings behind a stream's end that must be readable; their values do not matter */
    CPS_BLOCK_MOST_STEPS = 4096, /* of a call: more could overflow the sum of errors */
    CPS_BLOCK_BIAS = 0,          /* places in a user's row; in a movie's they are swapped */
    CPS_BLOCK_ONE = 1,
    CPS_BLOCK_FACTORS = 2,
    CPS_BLOCK_STATE_FLOATS = CPS_LANES,
};

/* A rating of a block: rows counted from the block's first. */
struct cps_block_rating {
    uint16_t user, movie;
    float rating;
};

/* What all blocks of a plan share. */
struct cps_block_rule {
    uint32_t width;      /* elements of a row that may not be zero: 2 + factors */
    uint32_t stride;     /* the width padded to 16 */
    uint32_t row_floats; /* with the optimizer's state */
    bool adagrad, has_range;
    float offset;    /* added to every score */
    float low, span; /* of the range */
    float factors;
    double loss_scale; /* squared errors are summed in units of 1/loss_scale */
};

struct cps_block_stream {
    const struct cps_block_rating *ratings; /* the next one; a call moves it on */
    float *users, *movies;                  /* rows of its blocks, 64-byte aligned */
    float rate, decay, bias_decay;          /* lr; 1 - lr·wd of the factors and of the biases */
    int64_t loss;                           /* a call adds the squared errors, each before its step */
    bool wild;                              /* and sets this when one is beyond 2^51 units or not a number */
};

struct cps_block_kernels {
    /* Trains the next `steps` ratings (at most CPS_BLOCK_MOST_STEPS) of each of CPS_BLOCK_STREAMS streams.
     * No two streams may share a row, except that streams with rate 0 and decay 1 may share rows of zeroes
     * with each other where zeroes are what they leave behind. */
    void (*train)(const struct cps_block_rule *rule, struct cps_block_stream *streams, uint32_t steps);

    /* score[i] of ratings[0..count-1], without the offset; rows stay. */
    void (*scores)(const struct cps_block_rule *rule, const float *users, const float *movies,
                   const struct cps_block_rating *ratings, size_t count, float *restrict score);
};

struct cps_block_rule cps_block_rule_of(const struct cps_plan *plan);

/* Between a row of the model, [width] as in cps_initial_row, and a row as above, whose padding and state
 * are left alone. */
void cps_block_row_set(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *weights,
                       float *row);
void cps_block_row_get(const struct cps_block_rule *rule, bool has_bias, bool is_movie, const float *row,
                       float *weights);

/* The kernels that go with those of kernels.h of the same name. */
const struct cps_block_kernels *cps_block_kernels_of(const struct cps_kernels *kernels);

/* The three builds; a NULL one was not compiled in. */
extern const struct cps_block_kernels cps_block_kernels_scalar;
const struct cps_block_kernels *cps_block_kernels_avx2(void);
const struct cps_block_kernels *cps_block_kernels_avx512(void);

#endif
