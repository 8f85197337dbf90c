/*
 * Schedules the blocks of a worker on its threads: the main thread and --threads - 1 others.
 *
 * A block is ready when the worker holds its user block and its movie block, both have been trained in all
 * earlier sub-epochs, and the block's sub-epoch is granted. Each thread has up to 16 blocks in hand (hand.h)
 * and trains eight at a time. It may take a block whose rows other blocks in its own hand still need, and
 * prefers those with one user block: up to eight in a row, then the user block before it, as movie blocks go
 * from one to the next. After an epoch the threads compute the errors of the validation ratings, up to 16 movie
 * blocks at a time; no user block is trained until that is done.
 *
 * The ratings of a prepared set are sorted one user block at a time, by threads that have fewer than eight
 * movie blocks in hand. So the first blocks are trained while others are still to be sorted.
 *
 * Any free thread may take any ready block. The assignment does not change the result: ratings in training
 * share no row, each row sees its ratings in one order, and sums are exact.
 *
 *     main thread                                       any thread
 *     _user_here, _movie_here, _grant  --->  ready  ---> in hand ---> _take_movie, _take_user ---> main thread
 */
#ifndef CPS_WORKER_CREW_H
#define CPS_WORKER_CREW_H

#include "common/model/residual.h"
#include "worker/order.h"

struct cps_crew; /* opaque */

/* A sub-epoch in which all of the worker's blocks have been trained. */
struct cps_crew_step {
    cps_int128 squared; /* sum of squared errors, each taken before the rating's update */
    uint64_t ratings;
    bool wild; /* an error was out of range; squared is meaningless */
};

/* Creates a crew and starts threads - 1 threads; threads includes the main thread. order, which
 * the crew completes, and kernels are borrowed. */
enum cps_status cps_crew_create(const struct cps_plan *plan, struct cps_order *order,
                                const struct cps_kernels *kernels, uint32_t threads, struct cps_crew **out);
void cps_crew_destroy(struct cps_crew **self);

/* Only the main thread may call the functions below. */

/* Grants the next `steps` sub-epochs and gives their learning rates lr[steps]. */
enum cps_status cps_crew_grant(struct cps_crew *self, const double *lr, uint32_t steps);

/* Ends all leases after step, as at the checkpoints of the plan, because a checkpoint saves the rows as they
 * are after step. No block of this worker may be beyond step. A step earlier than one given before has no
 * effect. at_once: leases that began at step end as well, because their rows have yet to be copied. */
void cps_crew_save_at(struct cps_crew *self, uint64_t step, bool at_once);

/* Hands the crew the rows of a block, as they are after step sub-epochs; rows stay valid until the block is
 * taken back with the functions below. A shared movie block serves the validation of the epoch that ends with
 * step. */
void cps_crew_user_here(struct cps_crew *self, uint32_t block, uint64_t step, float *rows);
void cps_crew_movie_here(struct cps_crew *self, uint32_t block, uint64_t step, bool shared, float *rows);

/* Takes back a block that this worker does not need at present; false when there is none. */
bool cps_crew_take_movie(struct cps_crew *self, uint32_t *block, uint64_t *step, bool *shared);
bool cps_crew_take_user(struct cps_crew *self, uint32_t *block, uint64_t *step);

/* Whether all user blocks are here as they are after step, and will stay so until a movie block is lent. */
bool cps_crew_users_are_at(struct cps_crew *self, uint64_t step);

/* The row of user_row, which must be one of this worker; see cps_crew_users_are_at. */
const float *cps_crew_user_row(const struct cps_crew *self, uint32_t user_row);

/* Takes the result of the next sub-epoch, in order; false while that sub-epoch is not done. */
bool cps_crew_take_step(struct cps_crew *self, uint64_t *step, struct cps_crew_step *out);

/* Takes the validation errors of the next epoch, in order, and whether an error was out of range; false while
 * that validation is not done. Epochs count even if this worker, or the data set, has no validation ratings. */
bool cps_crew_take_valid(struct cps_crew *self, uint32_t *epoch, struct cps_error_sums *out, bool *wild);

/* Trains or validates on the calling thread for about a millisecond. Returns whether anything was done here or
 * is being done by other threads. Training continues after divergence so that no other worker waits. */
bool cps_crew_work(struct cps_crew *self);

/* Whether ratings have been sorted since the last call, or were prepared for that. */
bool cps_crew_has_sorted(struct cps_crew *self);

/* CPS_OK, or the error of a thread that could not sort ratings, which becomes the caller's last error. */
enum cps_status cps_crew_status(struct cps_crew *self);

/* An estimate of whether the next work is validation; used for timing only. */
bool cps_crew_is_validating(struct cps_crew *self);

#endif
