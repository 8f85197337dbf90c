/*
 * What is trained and how: everything a loss curve depends on besides the data.
 * The coordinator decides it once; every role receives the same plan and derives
 * the rest (row layout, initial values, batches, schedule) from it alone.
 */
#ifndef CPS_MODEL_PLAN_H
#define CPS_MODEL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/status.h"
#include "proto/fields.h"

/*
 * The fields are those of CPS_PLAN_FIELDS (proto/fields.h), a line each:
 *
 *   model, factors        prediction = <u, m> (+ bu + bm) + offset
 *   has_range, range_low, range_high   then low + (high - low)·sigmoid of it
 *   offset                where predictions begin: 0, or such that <u, m> = 0 gives the mean rating
 *   user_rows, movie_rows rows of the two tables, row 0 of each, '#na#', included
 *   optimizer, schedule, consistency, epochs, batch_size, lr_max, seed
 *   train_count, valid_count   ratings, over all workers
 *   wd, wd_bias           weight decay: of the biases wd_bias, of all else wd
 *   gradient_bits         gradients are summed in units of 2^-gradient_bits
 *   servers, workers      the shape of the job: nothing the curve depends on
 *   first_step            steps that are done already, when a run that was cut goes on: nor on that
 *   validates_first       the epoch that ends before first_step has no validation loss yet
 *   save_every            steps between two checkpoints; 0: none but those that are asked for
 *   reads_epochs          after each epoch servers wait until the coordinator has read the model
 *   solver, blocks        block: in blocks x blocks blocks (blocks.h), a step being a sub-epoch; batch: 0
 */
struct cps_plan {
    CPS_PLAN_FIELDS(CPS_FIELD)
};

/* Checks what a plan says against the bounds of each field and between fields, so that nothing derived
 * from it divides by zero, overflows, or asks for more memory than any machine has. The error names the
 * field; its status is CPS_ERR_PEER, since only a broken or foreign coordinator sends such a plan. */
enum cps_status cps_plan_check(const struct cps_plan *plan);

/* Full batches an epoch, the short last one being dropped; of the block solver sub-epochs. */
static inline uint64_t cps_plan_steps_per_epoch(const struct cps_plan *plan)
{
    if (plan->solver == CPS_SOLVER_BLOCK)
        return plan->blocks;
    return plan->train_count / plan->batch_size;
}

/* Ratings that an epoch trains. */
static inline uint64_t cps_plan_epoch_ratings(const struct cps_plan *plan)
{
    if (plan->solver == CPS_SOLVER_BLOCK)
        return plan->train_count;
    return cps_plan_steps_per_epoch(plan) * plan->batch_size;
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

/* Rows of a server: keys server, server + servers, … */
static inline uint32_t cps_plan_server_rows(const struct cps_plan *plan, uint32_t server)
{
    uint32_t keys = cps_plan_keys(plan);
    return keys <= server ? 0 : (keys - server - 1) / plan->servers + 1;
}

/* Words of 32 bits in the saved state of a row: the step it is up to date with, its weights, and its
 * optimizer's state (moments m and v of each weight; two accumulators of AdaGrad). */
static inline uint32_t cps_plan_state_words(const struct cps_plan *plan)
{
    uint32_t width = cps_plan_row_width(plan);
    switch (plan->optimizer) {
    case CPS_OPTIMIZER_ADAM:
        return 1 + 3 * width;
    case CPS_OPTIMIZER_ADAGRAD:
        return 1 + width + 2;
    case CPS_OPTIMIZER_SGD:
        break;
    }
    return 1 + width;
}

/* Whether a checkpoint is due after step steps. */
static inline bool cps_plan_saves_after(const struct cps_plan *plan, uint64_t step)
{
    return plan->save_every && step > plan->first_step && step % plan->save_every == 0;
}

static inline uint32_t cps_plan_movie_key(const struct cps_plan *plan, uint32_t movie_row)
{
    return plan->user_rows + movie_row;
}

#endif
