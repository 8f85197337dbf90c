/*
 * Models of past epochs, held in the memory of the coordinator's rank: those of the best epoch and of the last
 * complete one. Training waits while a model is copied, but not for the disk; one or
 * both are written at the end, and the best with each checkpoint.
 *
 *     epoch 0  best and last: A
 *     epoch 1  better: B, and A is free
 *     epoch 2  worse:  A is the last, B stays the best
 *     epoch 3  worse:  A again
 *
 * So the best is never written over, and there is a whole model at any time. One that a checkpoint still has
 * to write is pinned, and not written over either: then there is a third.
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
    struct cps_kept_model *best, *last; /* whole ones; NULL: there is none */
    struct cps_kept_model *under_way;   /* to be the last, and perhaps the best */
    bool is_best;
};

void cps_kept_models_init(struct cps_kept_models *self, const struct cps_plan *plan);
void cps_kept_models_release(struct cps_kept_models *self);

/* The rows that follow are those after epoch, which is the best so far or not. CPS_ERR_MEMORY. */
enum cps_status cps_kept_models_begin(struct cps_kept_models *self, uint32_t epoch, bool is_best);

/* Copies rows of keys first_key … first_key + count - 1; with the last of them the model is whole. */
void cps_kept_models_add(struct cps_kept_models *self, uint32_t first_key, uint32_t count, const float *rows);

/* The best model of a run that goes on: all its rows. CPS_ERR_MEMORY. */
enum cps_status cps_kept_models_restore(struct cps_kept_models *self, uint32_t epoch, const float *rows);

/* Keeps the model of epoch, which may be under way, until it is unpinned as often as it was pinned. NULL when
 * it is not there. */
struct cps_kept_model *cps_kept_models_pin(struct cps_kept_models *self, uint32_t epoch);
void cps_kept_model_unpin(struct cps_kept_model *model);

#endif
