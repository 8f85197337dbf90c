/*
 * Models of past epochs in the memory of the coordinator's rank: that of the best epoch and that of the last
 * complete epoch. Training waits while a model is copied, but not for the disk. One or both are written at the
 * end of the run, and the best with each checkpoint.
 *
 *     epoch 0          buffer A is the best and the last model
 *     epoch 1, better  buffer B is both; A is free
 *     epoch 2, worse   A is the last, B stays the best
 *     epoch 3, worse   A is overwritten and is the last
 *
 * The best model is never overwritten, so a whole model exists at any time. A model that a checkpoint has yet
 * to write is pinned and not overwritten either; a third buffer is then allocated.
 */
#ifndef CPS_SERVER_RECORD_KEPT_MODELS_H
#define CPS_SERVER_RECORD_KEPT_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/model/plan.h"

struct cps_kept_model {
    float *rows; /* [keys][width] */
    uint32_t epoch;
    bool whole;
    uint32_t pins;
};

struct cps_kept_models {
    uint32_t keys, width;
    struct cps_kept_model **models; /* [count] */
    size_t count, capacity;
    struct cps_kept_model *best, *last; /* whole models, or NULL */
    struct cps_kept_model *under_way;   /* being copied: the next last model, and perhaps the best */
    bool is_best;
};

void cps_kept_models_init(struct cps_kept_models *self, const struct cps_plan *plan);
void cps_kept_models_release(struct cps_kept_models *self);

/* Begins the model of epoch, whose rows the following calls of cps_kept_models_add bring; is_best: the epoch is
 * the best so far. CPS_ERR_MEMORY. */
enum cps_status cps_kept_models_begin(struct cps_kept_models *self, uint32_t epoch, bool is_best);

/* Copies rows[count][width] of keys first_key … first_key + count - 1. The model is whole once it has the rows
 * of the last key. */
void cps_kept_models_add(struct cps_kept_models *self, uint32_t first_key, uint32_t count, const float *rows);

/* Sets the best model of a resumed run, that of epoch, to a copy of rows[keys][width]. CPS_ERR_MEMORY. */
enum cps_status cps_kept_models_restore(struct cps_kept_models *self, uint32_t epoch, const float *rows);

/* Pins the model of epoch, which may be incomplete: it is kept until it has been unpinned as often as pinned.
 * Returns NULL when there is no such model. */
struct cps_kept_model *cps_kept_models_pin(struct cps_kept_models *self, uint32_t epoch);
void cps_kept_model_unpin(struct cps_kept_model *model);

#endif
