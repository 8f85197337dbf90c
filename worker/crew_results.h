/*
 * The errors of what a crew has trained and validated, until the main thread takes them; private to crew.c,
 * whose mutex guards it.
 */
#ifndef CPS_WORKER_CREW_RESULTS_H
#define CPS_WORKER_CREW_RESULTS_H

#include "worker/crew.h"
#include "worker/hand.h"

struct cps_step_result {
    struct cps_crew_step sum;
    uint32_t blocks; /* in it */
};

struct cps_crew_results {
    uint32_t blocks, own;          /* G; user blocks here */
    bool validates;                /* the set has validation ratings */
    struct cps_step_result *steps; /* [2 · blocks], by step modulo that: own blocks are never further apart */
    uint64_t taken;                /* steps */
    uint32_t validating;           /* the epoch that is being validated, or is to be next */
    uint32_t validated;            /* movie blocks of it */
    uint32_t valid_taken;          /* epochs */
    struct cps_error_sums valid;
    bool valid_wild;
};

enum cps_status cps_crew_results_init(struct cps_crew_results *self, const struct cps_plan *plan, uint32_t own);
void cps_crew_results_release(struct cps_crew_results *self);

/* The number of sub-epochs after which the epoch to be validated next ends. */
static inline uint64_t cps_crew_results_epoch_end(const struct cps_crew_results *self)
{
    return (uint64_t)(self->validating + 1) * self->blocks;
}

/* Adds a trained block. */
void cps_crew_results_add_block(struct cps_crew_results *self, const struct cps_hand_block *block);

/* Adds the validation errors of `count` movie blocks, unless one was out of range (fine is false). */
void cps_crew_results_add_valid(struct cps_crew_results *self, uint32_t count,
                                const struct cps_error_sums *sums, bool fine);

/* As cps_crew_take_step() and cps_crew_take_valid(); granted: sub-epochs, which bounds those of a worker
 * without user blocks. */
bool cps_crew_results_take_step(struct cps_crew_results *self, uint64_t granted, uint64_t *step,
                                struct cps_crew_step *out);
bool cps_crew_results_take_valid(struct cps_crew_results *self, uint32_t *epoch, struct cps_error_sums *out,
                                 bool *wild);

#endif
