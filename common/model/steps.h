/*
 * The combined effect of the steps that an idle row missed.
 *
 * Dense Adam with decoupled weight decay updates every row in every step, with gradient 0
 * if the batch did not touch it. Here a step updates only the rows of its batch, and the updates that
 * an idle row missed are applied when it is next read. For a row idle from after step s to after step t
 * (steps counted from 1), and A_k = 1 - lr_k·wd, q = sqrt(0.99):
 *
 *     w_t = w·A(s,t) - m · sum_{k=s+1..t} a_k / (sqrt(v)·r_k + eps)
 *     m_t = m · prod mom_k          v_t = v · 0.99^(t-s)
 *     a_k = lr_k / (1 - mom_k^k) · prod_{s<j<=k} mom_j · A(k,t)
 *     r_k = q^(k-s) / sqrt(1 - 0.99^k)
 *
 * The sum weights a smooth function of k by coefficients that are the same for all elements of the
 * row, so that one quadrature rule with few nodes serves all of them. Short gaps, and gaps that
 * begin in the first CPS_CATCH_UP_EARLY steps where the bias correction bends r, are summed
 * term by term. Others take 4 or 6 Chebyshev nodes in time, with the weights that make
 * the rule exact for polynomials; these come from the moments of a_k, which are
 * differences of suffix sums stored per step (see catch_up.md). Terms further than
 * CPS_CATCH_UP_HORIZON steps from s contribute a fraction of mom^256 < 2e-6 and are left out.
 */
#ifndef CPS_MODEL_STEPS_H
#define CPS_MODEL_STEPS_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/model/schedule.h"

#define CPS_CATCH_UP_MOMENTS 6
#define CPS_CATCH_UP_EARLY 256
#define CPS_CATCH_UP_HORIZON 256
#define CPS_CATCH_UP_TERMS CPS_CATCH_UP_HORIZON

/* Steps are granted in aligned blocks of this many, and tables are built per block. Their bits depend
 * on the block boundaries, so changing this number changes the curve. */
#define CPS_BLOCK_STEPS 1024

/* Adam's constants, as fastai's defaults. */
#define CPS_ADAM_SQUARE_DECAY 0.99
#define CPS_ADAM_EPSILON 1e-5f

/* The catch-up coefficients of a row: w = w·decay - m·sum_i weight[i] / (sqrt(v)·ratio[i] + eps);
 * m *= momentum; v *= square. */
struct cps_catch_up {
    float decay, momentum, square;
    uint32_t terms;
    float weight[CPS_CATCH_UP_TERMS], ratio[CPS_CATCH_UP_TERMS];
};

/* Coefficients of one dense step, as floats. */
struct cps_adam_step {
    float decay;        /* 1 - lr·wd */
    float momentum;     /* mom */
    float one_minus;    /* 1 - mom */
    float rate;         /* lr / (1 - mom^t) */
    float square_scale; /* 1 / sqrt(1 - 0.99^t) */
};

struct cps_steps; /* opaque: the hyper-parameters granted so far and their tables */

/* Makes the tables for rows with weight decay wd. Without adam, idle rows only decay. */
enum cps_status cps_steps_create(double wd, bool adam, struct cps_steps **out);
void cps_steps_destroy(struct cps_steps **self);

/* Appends the next block of steps: CPS_BLOCK_STEPS of them, fewer only at the end of the run. */
enum cps_status cps_steps_grant(struct cps_steps *self, const struct cps_hyper *hyper, uint32_t steps);

/* The number of steps granted so far. */
uint64_t cps_steps_granted(const struct cps_steps *self);

/* The coefficients of dense step `step` (1-based, granted). */
struct cps_adam_step cps_steps_coefficients(const struct cps_steps *self, uint64_t step);
struct cps_hyper cps_steps_hyper(const struct cps_steps *self, uint64_t step);

/* The combined effect of steps from+1..to on a row without gradients, from < to <= granted.
 * from 0 means a row that never had a gradient: it only decays. */
void cps_steps_catch_up(const struct cps_steps *self, uint64_t from, uint64_t to, struct cps_catch_up *out);

#endif
