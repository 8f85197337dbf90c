/*
 * One server's share of the rows: every key with key mod servers == server, by
 * key / servers.
 *
 *     | w[stride] | m[stride] | v[stride] |      Adam
 *     | w[stride] |                              SGD
 *     | w[stride] | h of the factors, h of the bias, padding to 16 |   row-wise AdaGrad
 *
 * stride is the row's width padded to 16 floats; padding is zero and stays zero. Beside
 * it stands the step after which the row's state is that of dense training.
 */
#ifndef CPS_SERVER_SHARD_TABLE_H
#define CPS_SERVER_SHARD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/model/kernels.h"
#include "common/model/plan.h"

/* Where initial rows come from when they are given. */
struct cps_initial_rows {
    const void *context;
    /* CPS_ERR_DATA when there are no rows for plan. */
    enum cps_status (*check)(const void *context, const struct cps_plan *plan);
    /* Fills row[width] for key of plan. */
    void (*row)(const void *context, const struct cps_plan *plan, uint32_t key, float *row);
};

/* Where one thread works on rows. */
struct cps_table_desk {
    float *row;                       /* [stride] */
    int64_t *sums;                    /* [stride] */
    struct cps_catch_up_cache *cache; /* of short gaps up to the step in question */
};

struct cps_table {
    struct cps_plan plan;
    const struct cps_kernels *kernels;
    struct cps_fixed_point fixed;
    uint32_t server;
    uint32_t rows; /* owned here */
    uint32_t width, stride, row_floats;
    float *floats;                      /* [rows][row_floats] */
    uint32_t *step;                     /* [rows]: steps the row has seen */
    struct cps_steps *idle, *bias_idle; /* the granted steps; bias_idle NULL when wd_bias is wd */
    struct cps_adam_step adam;          /* of the step in training */
    uint64_t training;                  /* the step that was begun last */
    struct cps_table_desk *desks;       /* [threads] */
    uint32_t threads;
};

/* The table of server with its initial values: plan's, or start's when not NULL. Up to `threads` threads may
 * work on it at a time, on rows of their own and each under a number of its own, from 0 on: the `thread` of the
 * functions below. */
enum cps_status cps_table_init(struct cps_table *self, const struct cps_plan *plan,
                               const struct cps_kernels *kernels, uint32_t server,
                               const struct cps_initial_rows *start, uint32_t threads);
void cps_table_release(struct cps_table *self);

/* Makes the next block of steps known; see cps_steps_grant. */
enum cps_status cps_table_grant(struct cps_table *self, const struct cps_hyper *hyper, uint32_t steps);
uint64_t cps_table_granted(const struct cps_table *self);

/* Whether key lives here. */
static inline bool cps_table_owns(const struct cps_table *self, uint32_t key)
{
    return key < cps_plan_keys(&self->plan) && key % self->plan.servers == self->server;
}

static inline uint32_t cps_table_row_of(const struct cps_table *self, uint32_t key)
{
    return self->plan.servers == 1 ? key : key / self->plan.servers;
}

static inline uint32_t cps_table_key_of(const struct cps_table *self, uint32_t row)
{
    return row * self->plan.servers + self->server;
}

/* Brings row up to date, to after `step` steps (all granted), and copies its weights to
 * out[width]. */
void cps_table_pull(struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out);

/* The weights of row after `step` steps, leaving the row as it is. */
void cps_table_read(const struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out);

/* The state of row as it is saved: cps_plan_state_words words from floats[row_floats] (the row's own, or
 * a copy of it) and the step that they are up to date with. */
void cps_table_pack(const struct cps_table *self, const float *floats, uint32_t step, uint32_t *out);

/* Puts a saved state in the place of row's. False, and nothing is changed, when it is of a step after
 * `step`. */
bool cps_table_unpack(struct cps_table *self, uint32_t row, uint64_t step, const uint32_t *state);

/* Comes before the rows of step number step (1-based, granted) are trained, on one thread. */
void cps_table_begin_step(struct cps_table *self, uint64_t step);

/* Trains row, which is up to date to after step - 1 steps, with the step begun last
 * and the summed gradient sum[stride], which is overwritten. False when the gradient or a
 * new weight is out of range: training has diverged. */
bool cps_table_train(struct cps_table *self, uint32_t row, int64_t *sum);

/* As above for packed sums, sum[width]. */
bool cps_table_train_packed(struct cps_table *self, uint32_t thread, uint32_t row, const int64_t *sum);

/* As above for a sum of one contribution, x[width]. */
bool cps_table_train_single(struct cps_table *self, uint32_t thread, uint32_t row, const float *x);

/* As above for the contribution slope·(other, 1), other[width] being the weights of another row. */
bool cps_table_train_scaled(struct cps_table *self, uint32_t thread, uint32_t row, const float *other,
                            float slope);

/* How many rows ahead of their use to ask for their memory. */
#define CPS_PREFETCH_ROWS 3

/* Asks for row's memory ahead of its use. */
static inline void cps_table_prefetch(const struct cps_table *self, uint32_t row)
{
    const float *floats = self->floats + (size_t)row * self->row_floats;
    for (uint32_t j = 0; j < self->row_floats; j += 16)
        __builtin_prefetch(floats + j);
}

#endif
