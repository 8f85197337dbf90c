/*
 * Synthetic ratings of any size: low rank + biases + noise, with Zipf popularity.
 *
 *     rating = clip(round(3.6 + b_user + b_movie + <p_user, q_movie> + noise), 1, 5)
 *
 * Every number comes from the counter-based generator, so that a user's ratings are a
 * function of the spec and the user alone. Movies are drawn by popularity (Zipf and
 * Mandelbrot's 1/(rank + q)², with ranks assigned to ids at random) without repetition, so
 * all pairs are distinct at every size. The number of ratings per user is log-normal, at least 20
 * if the spec has that many. Every movie is rated at least once if possible.
 */
#ifndef CPS_SYNTH_SYNTH_H
#define CPS_SYNTH_SYNTH_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_synth_spec {
    uint32_t users, movies;
    uint64_t ratings; /* exactly that many */
    uint64_t seed;
};

/* The shape of MovieLens-100k: the default data if there are no others. */
extern const struct cps_synth_spec cps_synth_builtin;

struct cps_synth_rating {
    uint32_t movie;  /* external id, 1..movies */
    uint32_t rating; /* 1..5 */
};

struct cps_synth; /* opaque */

/* CPS_ERR_USAGE if a size is 0 or there are more ratings than pairs. */
enum cps_status cps_synth_create(const struct cps_synth_spec *spec, struct cps_synth **out);
void cps_synth_destroy(struct cps_synth **self);

/* The ratings of one user, an external id in 1..users; valid until the next call. */
const struct cps_synth_rating *cps_synth_user(struct cps_synth *self, uint32_t user, uint32_t *count);

/* The title of a movie, "Movie 0001": as many digits as the largest needs, at least
 * four, so that order by title is order by id. Returns its length. */
#define CPS_SYNTH_TITLE_BYTES 32
size_t cps_synth_title(const struct cps_synth_spec *spec, uint32_t movie, char out[CPS_SYNTH_TITLE_BYTES]);

#endif
