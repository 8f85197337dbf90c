/* Runs pieces of work on several threads; the calling thread takes their results in order. */
#ifndef CPS_BASE_PARALLEL_H
#define CPS_BASE_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_parallel {
    uint32_t threads; /* beside the caller's; 0: one for each processor this process may use */
    uint64_t pieces;
    /* Computes piece `piece` into slot `slot`, 0 <= slot < cps_parallel_slots(threads); no other piece uses
     * the slot until this one has been taken. Called on any thread. */
    enum cps_status (*work)(void *context, uint64_t piece, uint32_t slot);
    /* Takes the result of a piece, in the order 0, 1, 2, … Called on the caller's thread. NULL: nothing to
     * take. */
    enum cps_status (*take)(void *context, uint64_t piece, uint32_t slot);
    void *context;
};

/* The number of slots: twice the threads, so that a thread seldom waits for the caller to take a result. */
uint32_t cps_parallel_slots(uint32_t threads);

/* Runs all pieces. The first error of work or take stops the run; it is returned, and becomes the caller's
 * last error. Not collective. */
enum cps_status cps_parallel_run(const struct cps_parallel *self);

/* Runs all pieces, which leave nothing to take: on the caller's thread if threads is 1 or there is but one
 * piece. */
enum cps_status cps_parallel_each(uint32_t threads, uint64_t pieces,
                                  enum cps_status (*work)(void *context, uint64_t piece, uint32_t slot),
                                  void *context);

#endif
