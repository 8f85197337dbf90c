/*
 * The training plan: everything a loss curve depends on besides the data. The coordinator makes it once;
 * every role receives the same plan and derives the rest (row layout, initial values, batches, schedule)
 * from it alone.
 */
#ifndef CPS_MODEL_PLAN_H
#define CPS_MODEL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/status.h"
#include "proto/fields.h"

/*
 * The fields, listed in CPS_PLAN_FIELDS (proto/fields.h):
 *
 *   model, factors        prediction = <u, m> (+ bu + bm) + offset
 *   has_range, range_low, range_high   if has_range, low + (high - low)·sigmoid(prediction)
 *   offset                0, or the value for which a score of 0 predicts the mean rating
 *   user_rows, movie_rows rows of the two tables, row 0 of each, '#na#', included
 *   optimizer, schedule, consistency, epochs, batch_size, lr_max, seed
 *   train_count, valid_count   ratings, summed over all workers
 *   wd, wd_bias           weight decay: wd_bias of the biases, wd of everything else
 *   wd_movie_bias         if not 0, the weight decay of movies' biases, and wd_bias is that of users' biases
 *   keeps_biases          biases stay as they start, and the decays of biases are not applied
 *   gradient_bits         gradients are summed in units of 2^-gradient_bits
 *   servers, workers      the shape of the job; does not affect the curve
 *   first_step            steps already done, in a resumed run; does not affect the curve
 *   validates_first       the epoch that ends at first_step still needs its validation loss
 *   save_every            steps between two checkpoints; 0: only on request
 *   reads_epochs          after each epoch servers wait until the coordinator has read the model
 *   solver, blocks        block: blocks x blocks blocks (blocks.h), each step a sub-epoch; batch: blocks is 0
 */
struct cps_plan {
    CPS_PLAN_FIELDS(CPS_FIELD)
};

/* Checks each field of a plan against its bounds and the fields against each other, so that nothing derived
 * from it divides by zero, overflows, or requires more memory than any machine has. The error names the
 * field; its status is CPS_ERR_PEER, since only a faulty or foreign coordinator sends such a plan. */
enum cps_status cps_plan_check(const struct cps_plan *plan);

/* Steps per epoch: full batches, dropping the short last one; with the block solver, sub-epochs. */
static inline uint64_t cps_plan_steps_per_epoch(const struct cps_plan *plan)
{
    if (plan->solver == CPS_SOLVER_BLOCK)
        return plan->blocks;
    return plan->train_count / plan->batch_size;
}

/* The number of ratings that an epoch trains on. */
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

/* The weight decay of movies' biases. */
static inline double cps_plan_movie_bias_decay(const struct cps_plan *plan)
{
    return plan->wd_movie_bias > 0 ? plan->wd_movie_bias : plan->wd_bias;
}

/* The largest of all weight decays. */
static inline double cps_plan_largest_decay(const struct cps_plan *plan)
{
    double of_biases = plan->wd_bias > plan->wd_movie_bias ? plan->wd_bias : plan->wd_movie_bias;
    return of_biases > plan->wd ? of_biases : plan->wd;
}

/* Floats per row: the factors and, in the bias model, the bias after them. */
static inline uint32_t cps_plan_row_width(const struct cps_plan *plan)
{
    return plan->factors + (plan->model == CPS_MODEL_BIAS);
}

/*
 * A key numbers the rows of both tables: users first, then movies. Server key mod servers holds the row
 * of key.
 */
static inline uint32_t cps_plan_keys(const struct cps_plan *plan)
{
    return plan->user_rows + plan->movie_rows;
}

/* The number of rows that a server holds: those of keys server, server + servers, … */
static inline uint32_t cps_plan_server_rows(const struct cps_plan *plan, uint32_t server)
{
    uint32_t keys = cps_plan_keys(plan);
    return keys <= server ? 0 : (keys - server - 1) / plan->servers + 1;
}

/* 32-bit words in the saved state of a row: the last step applied to it, its weights, and its
 * optimizer's state (for adam the moments m and v of each weight; for adagrad two accumulators). */
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
