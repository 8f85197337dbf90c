/*
 * What is trained and how: everything a loss curve depends on besides the data.
 * The coordinator decides it once; every role receives the same plan and derives
 * the rest (row layout, initial values, batches, schedule) from it alone.
 */
#ifndef CPS_MODEL_PLAN_H
#define CPS_MODEL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum cps_model_kind { CPS_MODEL_DOT, CPS_MODEL_BIAS };
enum cps_optimizer_kind { CPS_OPTIMIZER_ADAM, CPS_OPTIMIZER_SGD, CPS_OPTIMIZER_ADAGRAD };
enum cps_schedule_kind { CPS_SCHEDULE_ONE_CYCLE, CPS_SCHEDULE_CONSTANT, CPS_SCHEDULE_COSINE };
enum cps_consistency { CPS_CONSISTENCY_BSP, CPS_CONSISTENCY_SSP, CPS_CONSISTENCY_ASP };

struct cps_plan {
    /* Model. prediction = <u, m> (+ bu + bm), then lo + (hi - lo)·sigmoid of it if has_range. */
    enum cps_model_kind model;
    uint32_t factors;
    bool has_range;
    float range_low, range_high;
    uint32_t user_rows, movie_rows; /* row 0 of each, '#na#', included */
    /* Training. */
    enum cps_optimizer_kind optimizer;
    enum cps_schedule_kind schedule;
    enum cps_consistency consistency;
    uint32_t epochs;
    uint32_t batch_size;
    uint64_t train_count, valid_count; /* ratings, over all workers */
    double lr_max, wd, wd_bias;        /* wd_bias: decay of the biases; wd: of all else */
    uint64_t seed;
    uint32_t gradient_bits; /* gradients are summed in units of 2^-gradient_bits */
    /* Shape of the job: nothing the curve depends on. */
    uint32_t servers, workers;
};

/* Full batches an epoch; the short last one is dropped. */
static inline uint64_t cps_plan_steps_per_epoch(const struct cps_plan *plan)
{
    return plan->train_count / plan->batch_size;
}

static inline uint64_t cps_plan_steps(const struct cps_plan *plan)
{
    return cps_plan_steps_per_epoch(plan) * plan->epochs;
}

/* Floats of a row: the factors and, in the bias model, the bias behind them. */
static inline uint32_t cps_plan_row_width(const struct cps_plan *plan)
{
    return plan->factors + (plan->model == CPS_MODEL_BIAS);
}

/*
 * Rows have one key over both tables: users first, movies behind them. A key lives on
 * server key mod servers.
 */
static inline uint32_t cps_plan_keys(const struct cps_plan *plan)
{
    return plan->user_rows + plan->movie_rows;
}

static inline uint32_t cps_plan_movie_key(const struct cps_plan *plan, uint32_t movie_row)
{
    return plan->user_rows + movie_row;
}

#endif
