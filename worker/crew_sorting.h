/*
 * The sorting of a crew's ratings by its threads, private to crew.c, whose mutex guards it: every function is
 * called with the mutex held, and cps_crew_sort() releases it while it works.
 */
#ifndef CPS_WORKER_CREW_SORTING_H
#define CPS_WORKER_CREW_SORTING_H

#include <pthread.h>

#include "worker/order.h"

struct cps_crew_sorting {
    struct cps_order *order;
    pthread_mutex_t *mutex;
    bool *dealt;               /* [own user blocks]: whose ratings are sorted */
    uint32_t next;             /* user block to sort; the number of them: none */
    bool to_spread, spreading; /* ratings must be distributed before any are sorted; a thread does so */
    uint64_t done, told;       /* pieces of work, and those of the last cps_crew_sorting_moved() */
    struct cps_failure failure;
};

/* order and mutex are borrowed. */
enum cps_status cps_crew_sorting_init(struct cps_crew_sorting *self, struct cps_order *order,
                                      pthread_mutex_t *mutex);
void cps_crew_sorting_release(struct cps_crew_sorting *self);

/* Sorts the ratings of the next user block, or does what must precede that; false if there is nothing to do, or
 * was an error. Afterwards the thread's *scratch is destroyed. */
bool cps_crew_sort(struct cps_crew_sorting *self, struct cps_order_scratch **scratch);

/* Whether anything was done since the last call. */
bool cps_crew_sorting_moved(struct cps_crew_sorting *self);

#endif
