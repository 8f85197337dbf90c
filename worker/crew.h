/*
 * Who trains which block when, within a worker: the main thread and --threads - 1 others.
 *
 * A block is ready when its user block and its movie block are both here and both have seen as many sub-epochs
 * as it comes after, and that sub-epoch is granted. A thread keeps eight blocks in hand and trains them side by
 * side; when one is through it goes on with the movie block it has, if the next user block is ready, else with
 * the first block that is. After an epoch the threads take the errors of the validation ratings, a movie block
 * at a time, and no user block moves before that is done.
 *
 * Who trains what is decided by who is free; no bit depends on it: blocks in hand share no row, and sums are
 * exact.
 *
 *     main thread                                       any thread
 *     _user_here, _movie_here, _grant  --->  ready  ---> in hand ---> _take_movie, _take_user ---> main thread
 */
#ifndef CPS_WORKER_CREW_H
#define CPS_WORKER_CREW_H

#include "common/model/residual.h"
#include "worker/order.h"

struct cps_crew; /* opaque */

/* A sub-epoch that all of the worker's blocks have been through. */
struct cps_crew_step {
    cps_int128 squared; /* errors, each before its step */
    uint64_t ratings;
    bool wild; /* an error was out of range, and squared says nothing */
};

/* order and kernels are borrowed. threads includes the main one. */
enum cps_status cps_crew_create(const struct cps_plan *plan, const struct cps_order *order,
                                const struct cps_kernels *kernels, uint32_t threads, struct cps_crew **out);
void cps_crew_destroy(struct cps_crew **self);

/* All of the following are for the main thread. */

/* Learning rates of the next sub-epochs, and leave to train them. */
enum cps_status cps_crew_grant(struct cps_crew *self, const double *lr, uint32_t steps);

/* All leases end after step, too, beside those of the plan's checkpoints: one is made of the rows as they are
 * then. No block here is further. An earlier step than one told before changes nothing. */
void cps_crew_save_at(struct cps_crew *self, uint64_t step);

/* The rows of a block are here and stay where they are until taken back. A shared movie block is for the
 * validation of the epoch that ends with step. */
void cps_crew_user_here(struct cps_crew *self, uint32_t block, uint64_t step, float *rows);
void cps_crew_movie_here(struct cps_crew *self, uint32_t block, uint64_t step, bool shared, float *rows);

/* A block that this worker has no use for at present; false when there is none. */
bool cps_crew_take_movie(struct cps_crew *self, uint32_t *block, uint64_t *step, bool *shared);
bool cps_crew_take_user(struct cps_crew *self, uint32_t *block, uint64_t *step);

/* The next sub-epoch, in order, that is through; false when there is none. */
bool cps_crew_take_step(struct cps_crew *self, uint64_t *step, struct cps_crew_step *out);

/* The errors of the next epoch whose validation is done, and whether one was out of range; false when it is
 * not. An epoch without validation ratings, here or anywhere, counts as well. */
bool cps_crew_take_valid(struct cps_crew *self, uint32_t *epoch, struct cps_error_sums *out, bool *wild);

/* Trains or validates for a millisecond or so. True when something was done, or other threads are at it. What
 * diverges trains on, so that no other worker waits. */
bool cps_crew_work(struct cps_crew *self);

/* Whether the next work is validation, as far as one can tell. */
bool cps_crew_is_validating(struct cps_crew *self);

#endif
