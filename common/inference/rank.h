/*
 * Finds the movies with the highest scores for a user: exact, and fast enough to do for every user.
 *
 *   1. float scores of all movies, four users at a time, over panels of 16 movies
 *          panel[p][j][16]     factor j of movies 16p .. 16p+15
 *   2. every movie whose float score may be among the k highest, by the bound on the rounding error
 *   3. those scored again in double, ordered by that score, then by row
 *
 * The order is therefore that of the double scores, independent of the float summation order. The score is the
 * raw one, <u, m> (+ biases); the prediction is an increasing function of it.
 */
#ifndef CPS_INFERENCE_RANK_H
#define CPS_INFERENCE_RANK_H

#include "common/inference/trained.h"

#define CPS_RANK_USERS 4

struct cps_ranker; /* opaque: the panels of a model; read-only, so threads may share them */

struct cps_ranked {
    uint32_t movie_row;
    double score;
};

/* A user to rank for: a row of the model, or one made by fold-in. */
struct cps_rank_user {
    const float *row; /* [factors] */
    float bias;
    const uint32_t *without; /* [without_count] movie rows to exclude */
    size_t without_count;
    struct cps_ranked *best; /* [k]: output, the highest first */
    uint32_t count;          /* output: less than k if there are fewer movies */
};

/* Makes a ranker for model, which is borrowed. */
enum cps_status cps_ranker_create(const struct cps_trained *model, struct cps_ranker **out);
void cps_ranker_destroy(struct cps_ranker **self);

/* The size in floats of cps_ranker_top's scratch memory. */
size_t cps_ranker_scratch_floats(const struct cps_ranker *self);

/* Ranks the k best movies for users[0 .. count-1], count <= CPS_RANK_USERS; never includes '#na#'. Each thread
 * needs its own scratch. */
enum cps_status cps_ranker_top(const struct cps_ranker *self, uint32_t k, struct cps_rank_user *users,
                               size_t count, float *scratch);

#endif
