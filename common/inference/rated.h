/* The movies rated by each user, in the rows of a model: used to exclude them from recommendations, and to
 * count training ratings per row. */
#ifndef CPS_INFERENCE_RATED_H
#define CPS_INFERENCE_RATED_H

#include "common/data/dataset.h"
#include "common/inference/trained.h"

/* Maps the rows of a dataset to those of a model; 0 ('#na#') for rows unknown to the model. */
struct cps_row_map {
    uint32_t *user, *movie; /* [dataset->users.rows], [dataset->movies.rows] */
    uint32_t unknown_users, unknown_movies;
};

/* Matches rows by title if the dataset has titles, and otherwise, or if that fails, by external id. */
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

/* Collects all ratings of dataset, training and validation; the counts include training ratings only. */
enum cps_status cps_rated_build(const struct cps_trained *model, const struct cps_dataset *dataset,
                                const struct cps_row_map *map, struct cps_rated *out);
void cps_rated_release(struct cps_rated *self);

#endif
