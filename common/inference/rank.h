/*
 * The movies that a model scores highest for a user: exact, and fast enough for every user.
 *
 *   1. float scores of all movies, four users at a time, over panels of 16 movies
 *          panel[p][j][16]     factor j of movies 16p .. 16p+15
 *   2. every movie whose float score could be among the k highest, by the rounding error's bound
 *   3. those scored again in double, ordered by it, then by row
 *
 * The order is therefore that of the scores in double, which no order of summation changes. The score is the
 * raw one, <u, m> (+ biases), with which the prediction grows.
 */
#ifndef CPS_INFERENCE_RANK_H
#define CPS_INFERENCE_RANK_H

#include "common/inference/trained.h"

#define CPS_RANK_USERS 4

struct cps_ranker; /* opaque: the panels of a model, shared by threads that only read them */

struct cps_ranked {
    uint32_t movie_row;
    double score;
};

/* A user to rank for: a row of the model or one made for somebody else. */
struct cps_rank_user {
    const float *row; /* [factors] */
    float bias;
    const uint32_t *without; /* [without_count] movie rows that are left out */
    size_t without_count;
    struct cps_ranked *best; /* [k]: set, the highest first */
    uint32_t count;          /* set: fewer than k where there are fewer movies */
};

/* model is borrowed. */
enum cps_status cps_ranker_create(const struct cps_trained *model, struct cps_ranker **out);
void cps_ranker_destroy(struct cps_ranker **self);

/* Floats that cps_ranker_top needs for its work. */
size_t cps_ranker_scratch_floats(const struct cps_ranker *self);

/* Ranks for users[0 .. count-1], count <= CPS_RANK_USERS. '#na#' is never among the best. scratch is one
 * thread's own. */
enum cps_status cps_ranker_top(const struct cps_ranker *self, uint32_t k, struct cps_rank_user *users,
                               size_t count, float *scratch);

#endif
