/*
 * Tables of the granted steps and the quadrature rules for gaps; see steps.h for the formulas.
 *
 * One cache line per granted step s (0-based here: "after s steps") holds the data of a gap
 * that begins or ends there:
 *
 *     | moment[0..5]: suffix sums from s to the end of its block | decay | ratio |
 *                        products of A and of mom/A from the block's start
 *
 * With b_k = lr_k/(1-mom_k^k) · prod_{s<j<=k} mom_j/A_j and time in units of 64 steps,
 * moment[p] = sum_{k=s+1..block end} b_k ((k-s)/64)^p, all terms positive; it is built
 * backwards by moment_s = mom/A · (rate + shift of moment_{s+1} by one step).
 */
#include "common/model/steps.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"

enum {
    MOMENTS = CPS_CATCH_UP_MOMENTS,
    BLOCK = CPS_BLOCK_STEPS,
    FEW_NODES = 4,
    FEW_NODES_GAP = 48,
    SETTLED = 4096
};

/* Callers pass the number of nodes as a constant: with unrolled loops, a gap takes half the time. */
#define ALWAYS_INLINE __attribute__((always_inline))

static const double TIME_UNIT = 64.0;

struct step_line {
    double moment[MOMENTS];
    double decay, ratio;
};

struct step_terms {
    double rate; /* lr / (1 - mom^t) */
    double momentum, decay, lr;
    double ratio; /* momentum / decay */
};

struct block {
    struct step_line *line;   /* [steps + 1]: after 0..steps steps of the block */
    struct step_terms *terms; /* [steps] */
    bool strong;              /* its lines are not accurate: see is_strong */
};

/* A quadrature rule of `nodes` Chebyshev nodes: the matrix from moments over [-1, 1] to weights, and the
 * times of the nodes for each gap. */
struct rule {
    uint32_t nodes;
    double node[MOMENTS];                                  /* in [-1, 1] */
    double from_moments[MOMENTS][MOMENTS];                 /* weight_i = sum_p M[i][p]·moment_p */
    double stretch[CPS_CATCH_UP_HORIZON + 1];              /* u = stretch·time/TIME_UNIT + offset */
    double offset[CPS_CATCH_UP_HORIZON + 1];               /* runs over [-1, 1] */
    double time[CPS_CATCH_UP_HORIZON + 1][MOMENTS];        /* steps after s */
    double square_root[CPS_CATCH_UP_HORIZON + 1][MOMENTS]; /* q^time */
};

/* Tables shared by all schedules: computed once per process, constant afterwards. */
static struct constants {
    double correction[SETTLED + 1];        /* 1/sqrt(1 - 0.99^k); 1 beyond */
    double square[BLOCK + 1];              /* 0.99^k */
    double root[CPS_CATCH_UP_HORIZON + 1]; /* q^k */
    struct rule few, many;
} constants;

struct cps_steps {
    double wd;
    bool adam;
    uint64_t granted;
    bool has_strong; /* some block is strong */
    struct block *blocks;
    size_t block_count, block_capacity;
};

static const double binomial[MOMENTS][MOMENTS] = {
    {1}, {1, 1}, {1, 2, 1}, {1, 3, 3, 1}, {1, 4, 6, 4, 1}, {1, 5, 10, 10, 5, 1},
};

/* Moments about a point that lies `by` later than that of `in`, from the far side:
 * out_p = sum_j C(p,j)·by^(p-j)·in_j. */
static inline ALWAYS_INLINE void shift_moments(const double *in, double by, uint32_t count, double *out)
{
    for (uint32_t p = 0; p < count; p++) {
        double sum = in[p], power = by;
        for (uint32_t j = p; j-- > 0;) {
            sum += binomial[p][j] * power * in[j];
            power *= by;
        }
        out[p] = sum;
    }
}

/* Inverse of the Vandermonde matrix of the nodes: row i holds the coefficients of the
 * Lagrange polynomial that is 1 at node i. */
static void rule_invert(struct rule *self)
{
    for (uint32_t i = 0; i < self->nodes; i++) {
        double c[MOMENTS] = {1.0}, scale = 1.0;
        uint32_t degree = 0;
        for (uint32_t j = 0; j < self->nodes; j++) {
            if (j == i)
                continue;
            for (uint32_t p = ++degree; p > 0; p--)
                c[p] = c[p - 1] - self->node[j] * (p < degree ? c[p] : 0.0);
            c[0] *= -self->node[j];
            scale *= self->node[i] - self->node[j];
        }
        for (uint32_t p = 0; p < self->nodes; p++)
            self->from_moments[i][p] = c[p] / scale;
    }
}

static void rule_init(struct rule *self, uint32_t nodes)
{
    static const double log_root = -0.5 * 0x1.495453e6fd4bcp-7; /* ln(0.99)/2 */
    self->nodes = nodes;
    for (uint32_t i = 0; i < nodes; i++)
        self->node[i] = cps_cospi((2.0 * i + 1.0) / (2.0 * nodes));
    rule_invert(self);
    for (uint32_t gap = 2; gap <= CPS_CATCH_UP_HORIZON; gap++) {
        self->stretch[gap] = 2.0 * TIME_UNIT / (gap - 1.0);
        self->offset[gap] = -(gap + 1.0) / (gap - 1.0);
        for (uint32_t i = 0; i < nodes; i++) {
            self->time[gap][i] = 1.0 + (gap - 1.0) * (self->node[i] + 1.0) / 2.0;
            self->square_root[gap][i] = cps_exp(log_root * self->time[gap][i]);
        }
    }
}

static void init_constants(void)
{
    double square = 1.0;
    for (uint32_t k = 1; k <= SETTLED; k++) {
        square *= CPS_ADAM_SQUARE_DECAY;
        constants.correction[k] = 1.0 / sqrt(1.0 - square);
    }
    constants.square[0] = constants.root[0] = 1.0;
    for (uint32_t k = 1; k <= BLOCK; k++)
        constants.square[k] = constants.square[k - 1] * CPS_ADAM_SQUARE_DECAY;
    for (uint32_t k = 1; k <= CPS_CATCH_UP_HORIZON; k++)
        constants.root[k] = constants.root[k - 1] * sqrt(CPS_ADAM_SQUARE_DECAY);
    rule_init(&constants.few, FEW_NODES);
    rule_init(&constants.many, MOMENTS);
}

enum cps_status cps_steps_create(double wd, bool adam, struct cps_steps **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct cps_steps *self;
    pthread_once(&once, init_constants);
    CPS_TRY(cps_alloc("idle-step tables", 1, sizeof *self, &self));
    self->wd = wd;
    self->adam = adam;
    *out = self;
    return CPS_OK;
}

static void block_release(struct block *self)
{
    free(self->line);
    free(self->terms);
}

void cps_steps_destroy(struct cps_steps **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < (*self)->block_count; i++)
        block_release(&(*self)->blocks[i]);
    free((*self)->blocks);
    free(*self);
    *self = NULL;
}

/* Whether decay is so strong that quotients of products and differences of suffix sums lose precision in this
 * block. While momentum is below the decay factor A, the suffix sums decrease and their differences are
 * accurate; otherwise they grow like (momentum/A)^steps and cancel, and a product of A may underflow. */
static bool is_strong(const struct block *self, uint32_t steps, bool adam)
{
    static const double least_product = 1e-200;
    for (uint32_t i = 0; adam && i < steps; i++)
        if (self->terms[i].ratio > 1.0)
            return true;
    return self->line[steps].decay < least_product;
}

static void block_fill(const struct cps_steps *self, struct block *block, const struct cps_hyper *hyper,
                       uint32_t steps)
{
    block->line[0].decay = block->line[0].ratio = 1.0;
    for (uint32_t i = 0; i < steps; i++) {
        double momentum = hyper[i].momentum, decay = 1.0 - hyper[i].lr * self->wd;
        double unbiased = 1.0 - cps_power(momentum, self->granted + i + 1);
        block->terms[i] = (struct step_terms){.rate = hyper[i].lr / unbiased,
                                              .momentum = momentum,
                                              .decay = decay,
                                              .lr = hyper[i].lr,
                                              .ratio = momentum / decay};
        block->line[i + 1].decay = block->line[i].decay * decay;
        block->line[i + 1].ratio = block->line[i].ratio * block->terms[i].ratio;
    }
    block->strong = is_strong(block, steps, self->adam);
    for (uint32_t i = steps; self->adam && i-- > 0;) {
        const struct step_terms *terms = &block->terms[i];
        double later[MOMENTS];
        shift_moments(block->line[i + 1].moment, 1.0 / TIME_UNIT, MOMENTS, later);
        double power = 1.0;
        for (uint32_t p = 0; p < MOMENTS; p++) {
            block->line[i].moment[p] = terms->ratio * (terms->rate * power + later[p]);
            power /= TIME_UNIT;
        }
    }
}

enum cps_status cps_steps_grant(struct cps_steps *self, const struct cps_hyper *hyper, uint32_t steps)
{
    CPS_TRY(cps_grow("idle-step blocks", &self->blocks, &self->block_capacity, self->block_count + 1,
                     sizeof *self->blocks));
    struct block *block = &self->blocks[self->block_count];
    *block = (struct block){0};
    enum cps_status status = cps_alloc("idle-step tables", steps + 1, sizeof *block->line, &block->line);
    if (status == CPS_OK)
        status = cps_alloc("idle-step tables", steps, sizeof *block->terms, &block->terms);
    if (status != CPS_OK) {
        block_release(block);
        return status;
    }
    block_fill(self, block, hyper, steps);
    self->has_strong = self->has_strong || block->strong;
    self->block_count++;
    self->granted += steps;
    return CPS_OK;
}

uint64_t cps_steps_granted(const struct cps_steps *self)
{
    return self->granted;
}

/* The entry of step `step`, 1-based. */
static const struct step_terms *terms_of(const struct cps_steps *self, uint64_t step)
{
    return &self->blocks[(step - 1) / BLOCK].terms[(step - 1) % BLOCK];
}

static double correction_of(uint64_t step)
{
    return step <= SETTLED ? constants.correction[step] : 1.0;
}

struct cps_adam_step cps_steps_coefficients(const struct cps_steps *self, uint64_t step)
{
    const struct step_terms *terms = terms_of(self, step);
    return (struct cps_adam_step){.decay = (float)terms->decay,
                                  .momentum = (float)terms->momentum,
                                  .one_minus = (float)(1.0 - terms->momentum),
                                  .rate = (float)terms->rate,
                                  .square_scale = (float)correction_of(step)};
}

struct cps_hyper cps_steps_hyper(const struct cps_steps *self, uint64_t step)
{
    const struct step_terms *terms = terms_of(self, step);
    return (struct cps_hyper){.lr = terms->lr, .momentum = terms->momentum};
}

struct products {
    double decay, ratio; /* ratio: of momentum / decay */
};

/* Products over steps from+1..to, from < to. */
static struct products products_between(const struct cps_steps *self, uint64_t from, uint64_t to)
{
    uint64_t block = from / BLOCK, last = (to - 1) / BLOCK;
    const struct step_line *start = &self->blocks[block].line[from % BLOCK];
    struct products all = {1.0, 1.0};
    for (; block < last; block++) {
        all.decay *= self->blocks[block].line[BLOCK].decay;
        all.ratio *= self->blocks[block].line[BLOCK].ratio;
    }
    const struct step_line *end = &self->blocks[last].line[to - last * BLOCK];
    all.decay = all.decay * end->decay / start->decay;
    all.ratio = all.ratio * end->ratio / start->ratio;
    return all;
}

/* Moments about `from` of the steps from+1..to, both within block. */
static inline ALWAYS_INLINE void moments_within(const struct block *block, uint32_t from, uint32_t to,
                                                uint32_t count, double *out)
{
    const struct step_line *start = &block->line[from], *end = &block->line[to];
    double ratio = end->ratio / start->ratio;
    double beyond[MOMENTS];
    shift_moments(end->moment, (to - from) / TIME_UNIT, count, beyond);
    for (uint32_t p = 0; p < count; p++)
        out[p] = start->moment[p] - ratio * beyond[p];
}

/* Moments about `from` of steps from+1..to, to - from <= HORIZON < BLOCK. */
static inline ALWAYS_INLINE void moments_between(const struct cps_steps *self, uint64_t from, uint64_t to,
                                                 uint32_t count, double *out)
{
    uint64_t first = from / BLOCK, last = (to - 1) / BLOCK;
    const struct block *block = &self->blocks[first];
    if (first == last) {
        moments_within(block, (uint32_t)(from % BLOCK), (uint32_t)(to - first * BLOCK), count, out);
        return;
    }
    const struct step_line *start = &block->line[from % BLOCK], *end = &block->line[BLOCK];
    double ratio = end->ratio / start->ratio;
    double next[MOMENTS], shifted[MOMENTS];
    moments_within(&self->blocks[last], 0, (uint32_t)(to - last * BLOCK), count, next);
    shift_moments(next, (double)(BLOCK - from % BLOCK) / TIME_UNIT, count, shifted);
    for (uint32_t p = 0; p < count; p++)
        out[p] = start->moment[p] + ratio * shifted[p];
}

/* Moments in u, which runs over [-1, 1], from those in time. */
static inline ALWAYS_INLINE void normalise_moments(const struct rule *rule, uint32_t nodes, uint64_t gap,
                                                   double *moments)
{
    double power = rule->stretch[gap], shifted[MOMENTS];
    for (uint32_t p = 1; p < nodes; p++) {
        moments[p] *= power;
        power *= rule->stretch[gap];
    }
    shift_moments(moments, rule->offset[gap], nodes, shifted);
    for (uint32_t p = 0; p < nodes; p++)
        moments[p] = shifted[p];
}

/* Catches up by rule, which has `nodes` nodes. */
static inline ALWAYS_INLINE void sum_by_nodes(const struct cps_steps *self, const struct rule *rule,
                                              uint32_t nodes, uint64_t from, uint64_t gap, double decay,
                                              struct cps_catch_up *out)
{
    double moments[MOMENTS] = {0};
    moments_between(self, from, from + gap, nodes, moments);
    normalise_moments(rule, nodes, gap, moments);
    out->terms = nodes;
    for (uint32_t i = 0; i < nodes; i++) {
        double weight = 0.0;
        for (uint32_t p = 0; p < nodes; p++)
            weight += rule->from_moments[i][p] * moments[p];
        double time = rule->time[gap][i];
        uint64_t whole = (uint64_t)time;
        double before = correction_of(from + whole), after = correction_of(from + whole + 1);
        double correction = before + (after - before) * (time - (double)whole);
        out->weight[i] = (float)(weight * decay);
        out->ratio[i] = (float)(rule->square_root[gap][i] * correction);
    }
}

static void sum_by_rule(const struct cps_steps *self, uint64_t from, uint64_t gap, double decay,
                        struct cps_catch_up *out)
{
    if (gap <= FEW_NODES_GAP)
        sum_by_nodes(self, &constants.few, FEW_NODES, from, gap, decay, out);
    else
        sum_by_nodes(self, &constants.many, MOMENTS, from, gap, decay, out);
}

static void sum_by_term(const struct cps_steps *self, uint64_t from, uint64_t gap, double decay,
                        struct cps_catch_up *out)
{
    double weight = decay; /* prod_{s<j<=k} mom_j/A_j · A(s,t) */
    out->terms = (uint32_t)gap;
    for (uint32_t i = 0; i < gap; i++) {
        const struct step_terms *terms = terms_of(self, from + i + 1);
        weight *= terms->ratio;
        out->weight[i] = (float)(weight * terms->rate);
        out->ratio[i] = (float)(constants.root[i + 1] * correction_of(from + i + 1));
    }
}

static double square_decay(uint64_t gap)
{
    return gap <= BLOCK ? constants.square[gap] : cps_power(CPS_ADAM_SQUARE_DECAY, gap);
}

static struct products products_of_gap(const struct cps_steps *self, uint64_t from, uint64_t to,
                                       struct cps_catch_up *out)
{
    struct products products = products_between(self, from, to);
    out->decay = (float)products.decay;
    out->momentum = (float)(products.ratio * products.decay);
    out->square = (float)square_decay(to - from);
    out->terms = 0;
    return products;
}

/* ---- strong decay: nothing but products of factors below 1, multiplied out ---- */

/* Whether steps from+1..to include a step of a strong block. */
static bool decays_strongly(const struct cps_steps *self, uint64_t from, uint64_t to)
{
    for (uint64_t block = from / BLOCK; self->has_strong && block <= (to - 1) / BLOCK; block++)
        if (self->blocks[block].strong)
            return true;
    return false;
}

/* The product of A over steps from+1..to, from <= to. */
static double decay_between(const struct cps_steps *self, uint64_t from, uint64_t to)
{
    double decay = 1.0;
    for (; from < to && from % BLOCK != 0; from++)
        decay *= terms_of(self, from + 1)->decay;
    for (; to - from >= BLOCK; from += BLOCK)
        decay *= self->blocks[from / BLOCK].line[BLOCK].decay;
    return from < to ? decay * self->blocks[from / BLOCK].line[to - from].decay : decay;
}

static double momentum_between(const struct cps_steps *self, uint64_t from, uint64_t to)
{
    static const double nothing = 1e-60; /* as a float */
    double momentum = 1.0;
    for (; from < to && momentum > nothing; from++)
        momentum *= terms_of(self, from + 1)->momentum;
    return momentum;
}

/* Momentum multiplied forwards, decay backwards: no quotient, no difference. */
static void sum_strong_terms(const struct cps_steps *self, uint64_t from, uint64_t to, struct cps_catch_up *out)
{
    uint64_t gap = to - from < CPS_CATCH_UP_HORIZON ? to - from : CPS_CATCH_UP_HORIZON;
    double pushed[CPS_CATCH_UP_HORIZON], momentum = 1.0, decay = decay_between(self, from + gap, to);
    for (uint64_t i = 0; i < gap; i++) {
        const struct step_terms *terms = terms_of(self, from + i + 1);
        momentum *= terms->momentum;
        pushed[i] = momentum * terms->rate;
        out->ratio[i] = (float)(constants.root[i + 1] * correction_of(from + i + 1));
    }
    for (uint64_t i = gap; i-- > 0;) {
        out->weight[i] = (float)(pushed[i] * decay);
        decay *= terms_of(self, from + i + 1)->decay;
    }
    out->terms = (uint32_t)gap;
}

static void catch_up_strong(const struct cps_steps *self, uint64_t from, uint64_t to, struct cps_catch_up *out)
{
    out->decay = (float)decay_between(self, from, to);
    out->momentum = (float)momentum_between(self, from, to);
    out->square = (float)square_decay(to - from);
    out->terms = 0;
    if (from > 0 && self->adam)
        sum_strong_terms(self, from, to, out);
}

void cps_steps_catch_up(const struct cps_steps *self, uint64_t from, uint64_t to, struct cps_catch_up *out)
{
    if (decays_strongly(self, from, to)) {
        catch_up_strong(self, from, to, out);
        return;
    }
    struct products products = products_of_gap(self, from, to, out);
    if (from == 0 || !self->adam)
        return;
    uint64_t gap = to - from < CPS_CATCH_UP_HORIZON ? to - from : CPS_CATCH_UP_HORIZON;
    if (gap <= FEW_NODES || from < CPS_CATCH_UP_EARLY)
        sum_by_term(self, from, gap, products.decay, out);
    else
        sum_by_rule(self, from, gap, products.decay, out);
}
