/* Who has rated what, in the rows of a model: what recommendations leave out and how often rows were seen. */
#ifndef CPS_INFERENCE_RATED_H
#define CPS_INFERENCE_RATED_H

#include "common/data/dataset.h"
#include "common/inference/trained.h"

/* The rows of a model that the rows of a dataset are, 0 ('#na#') for those it has not seen. */
struct cps_row_map {
    uint32_t *user, *movie; /* [dataset->users.rows], [dataset->movies.rows] */
    uint32_t unknown_users, unknown_movies;
};

/* By external id or title: the titles of a dataset that has them, else its ids, come first. */
enum cps_status cps_row_map_build(const struct cps_trained *model, const struct cps_dataset *dataset,
                                  struct cps_row_map *out);
void cps_row_map_release(struct cps_row_map *self);

/* Movies by user: those of row u are movie[first[u] .. first[u+1]), ascending. */
struct cps_rated {
    uint64_t *first;        /* [user_rows + 1] */
    uint32_t *movie;        /* [first[user_rows]] */
    uint32_t *user_counts;  /* [user_rows]: training ratings */
    uint32_t *movie_counts; /* [movie_rows] */
};

/* All ratings of dataset, training and validation; the counts are of the training ratings. */
enum cps_status cps_rated_build(const struct cps_trained *model, const struct cps_dataset *dataset,
                                const struct cps_row_map *map, struct cps_rated *out);
void cps_rated_release(struct cps_rated *self);

#endif
