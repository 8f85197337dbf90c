/*
 * One server's share of the rows: every key with key mod servers == server, stored as row key / servers.
 *
 *     | w[stride] | m[stride] | v[stride] |      Adam
 *     | w[stride] |                              SGD
 *     | w[stride] | h of the factors, h of the bias, padding to 16 |   row-wise AdaGrad
 *
 * stride is the row's width padded to a multiple of 16 floats; padding is zero and stays zero. For each row the
 * table also stores the number of steps it has seen: its state equals that of dense training after them.
 */
#ifndef CPS_SERVER_SHARD_TABLE_H
#define CPS_SERVER_SHARD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/model/kernels.h"
#include "common/model/plan.h"

/* A source of given initial rows. */
struct cps_initial_rows {
    const void *context;
    /* CPS_ERR_DATA when the source has no rows for plan. */
    enum cps_status (*check)(const void *context, const struct cps_plan *plan);
    /* Writes the initial row of key to row[width]. */
    void (*row)(const void *context, const struct cps_plan *plan, uint32_t key, float *row);
};

/* Scratch memory of one thread. */
struct cps_table_desk {
    float *row;                       /* [stride] */
    float *placed[2];                 /* [stride]: contributions to be trained */
    int64_t *sums;                    /* [stride] */
    struct cps_catch_up_cache *cache; /* catch-up factors of short gaps */
};

struct cps_table {
    struct cps_plan plan;
    const struct cps_kernels *kernels;
    struct cps_fixed_point fixed;
    uint32_t server;
    uint32_t rows; /* owned here */
    uint32_t width, stride, row_floats;
    float *floats;                     /* [rows][row_floats] */
    uint32_t *step;                    /* [rows]: steps the row has seen */
    struct cps_steps *idle;            /* the granted steps */
    struct cps_steps *bias_idle;       /* with the decay of biases; NULL when that is wd */
    struct cps_steps *movie_bias_idle; /* with that of movies' biases; NULL when it is that of users' */
    struct cps_adam_step adam;         /* of the step in training */
    uint64_t training;                 /* the step begun last */
    struct cps_table_desk *desks;      /* [threads] */
    uint32_t threads;
};

/* Creates the table of server with the initial values of plan, or those of start when not NULL; kernels is
 * borrowed. Up to `threads` threads may work on the table at a time, each on different rows. Each thread passes
 * its own number, from 0 on, as `thread` to the functions below. */
enum cps_status cps_table_init(struct cps_table *self, const struct cps_plan *plan,
                               const struct cps_kernels *kernels, uint32_t server,
                               const struct cps_initial_rows *start, uint32_t threads);
void cps_table_release(struct cps_table *self);

/* Adds the next `steps` steps, with their hyper-parameters, to those granted; see cps_steps_grant. */
enum cps_status cps_table_grant(struct cps_table *self, const struct cps_hyper *hyper, uint32_t steps);
uint64_t cps_table_granted(const struct cps_table *self);

/* Whether this table has the row of key. */
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

/* Brings row up to date with `step` steps (all granted) and copies its weights to out[width]. */
void cps_table_pull(struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out);

/* Writes the weights of row after `step` steps to out[width] without changing the row. */
void cps_table_read(const struct cps_table *self, uint32_t thread, uint32_t row, uint64_t step, float *out);

/* Writes the saved state of a row to out[cps_plan_state_words]. floats[row_floats] is the row, or a copy of it,
 * up to date with `step` steps. */
void cps_table_pack(const struct cps_table *self, const float *floats, uint32_t step, uint32_t *out);

/* Replaces the state of row with a saved one. Returns false and changes nothing when the saved state is from a
 * step after `step`. */
bool cps_table_unpack(struct cps_table *self, uint32_t row, uint64_t step, const uint32_t *state);

/* Begins step number step (1-based, granted). Call it from one thread before any row of that step is trained.
 */
void cps_table_begin_step(struct cps_table *self, uint64_t step);

/* Trains row, which is up to date with all steps before the one begun last, on that step with the summed
 * gradient sum[stride], which is overwritten. False when the gradient or a new weight is out of range: training
 * has diverged. */
bool cps_table_train(struct cps_table *self, uint32_t row, int64_t *sum);

/* As above for packed sums, sum[width]. */
bool cps_table_train_packed(struct cps_table *self, uint32_t thread, uint32_t row, const int64_t *sum);

/*
 * As above for a sum of one contribution, which is placed first: x[width], or slope·(other, 1), where
 * other[width] has the weights of another row. place: 0 or 1, so that the next row's contribution can be placed
 * before this row is trained. The kernel loads vectors longer than those stored here, which the processor can
 * only do once they have left its store buffer.
 */
void cps_table_place_single(struct cps_table *self, uint32_t thread, uint32_t place, const float *x);
void cps_table_place_scaled(struct cps_table *self, uint32_t thread, uint32_t place, const float *other,
                            float slope);
bool cps_table_train_placed(struct cps_table *self, uint32_t thread, uint32_t place, uint32_t row);

/* How many rows ahead to prefetch. */
#define CPS_PREFETCH_ROWS 3

/* Prefetches the memory of row. */
static inline void cps_table_prefetch(const struct cps_table *self, uint32_t row)
{
    const float *floats = self->floats + (size_t)row * self->row_floats;
    for (uint32_t j = 0; j < self->row_floats; j += 16)
        __builtin_prefetch(floats + j);
}

#endif
