/*
 * Threads that share the pieces of one piece of work after another: a fork and join that costs microseconds
 * while work keeps coming, and nothing once it does not.
 *
 *     cps_team_run --> pieces 0, 1, 2, …  each by whichever thread is free --> returns when all are done
 *
 * Between two runs the threads spin for a moment, then sleep. One thread alone may call, always the same; the
 * pieces of a run must not touch each other's data, for none knows who does what.
 */
#ifndef CPS_BASE_TEAM_H
#define CPS_BASE_TEAM_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_team; /* opaque; NULL is a team of the caller alone */

/* Does piece `piece` on thread `thread`, 0 <= thread < cps_team_threads(). */
typedef void cps_team_work(void *context, uint32_t piece, uint32_t thread);

/* A team of threads, the caller's among them. *out is NULL for 0 or 1 of them. */
enum cps_status cps_team_create(uint32_t threads, struct cps_team **out);
void cps_team_destroy(struct cps_team **self);

/* Threads, the caller's included: 1 for NULL. */
uint32_t cps_team_threads(const struct cps_team *self);

/* The most pieces that cps_team_pieces answers. */
#define CPS_TEAM_MOST_PIECES 256

/* Pieces worth cutting `items` into that cost about as much as a row's update each: 1 where sharing them out
 * costs more than it gains, or in a team of one. */
uint32_t cps_team_pieces(const struct cps_team *self, size_t items);

/* Runs all pieces; what they wrote is there when it returns. */
void cps_team_run(struct cps_team *self, uint32_t pieces, cps_team_work *work, void *context);

/* Piece `piece` of `pieces` about equal ones of `items` is [first, end). */
static inline void cps_team_slice(size_t items, uint32_t pieces, uint32_t piece, size_t *first, size_t *end)
{
    *first = items / pieces * piece + (piece < items % pieces ? piece : items % pieces);
    *end = *first + items / pieces + (piece < items % pieces);
}

#endif
