/* Pieces of work on several threads, their results taken in order by the caller. */
#ifndef CPS_BASE_PARALLEL_H
#define CPS_BASE_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_parallel {
    uint32_t threads; /* beside the caller's; 0: as many as processors this process may use */
    uint64_t pieces;
    /* Does piece `piece` into slot `slot`, 0 <= slot < cps_parallel_slots(threads), which no other piece uses
     * until it was taken. On any thread. */
    enum cps_status (*work)(void *context, uint64_t piece, uint32_t slot);
    /* Takes the result of a piece: piece 0, 1, 2, … On the caller's thread. */
    enum cps_status (*take)(void *context, uint64_t piece, uint32_t slot);
    void *context;
};

/* Slots that pieces under way need: twice the threads, so that none waits for the caller for long. */
uint32_t cps_parallel_slots(uint32_t threads);

/* Runs all pieces. The first error, of a piece or of taking it, ends it and is returned with its sentence as
 * the caller's last error. Not collective. */
enum cps_status cps_parallel_run(const struct cps_parallel *self);

#endif
