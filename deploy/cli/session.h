/* The input of a command that uses a model: the model of a run and, if the command needs them, its ratings. */
#ifndef CPS_DEPLOY_CLI_SESSION_H
#define CPS_DEPLOY_CLI_SESSION_H

#include "common/inference/rated.h"
#include "common/options/options.h"

enum cps_session_ratings {
    CPS_RATINGS_UNUSED,
    CPS_RATINGS_IF_THERE, /* optional: without them the command prints less; see has_ratings */
    CPS_RATINGS_NEEDED
};

struct cps_session {
    struct cps_trained model;
    double noise; /* the last valid_loss of the run, or train_loss without validation; 1 for a file without a
                     run */
    bool has_ratings;
    struct cps_dataset dataset;
    struct cps_row_map map;
    struct cps_rated rated;
};

/* Opens the model of options->run and the ratings it was trained on: those that its run.json names, or those of
 * --data if given. CPS_ERR_DATA when they are missing or are not those of the run. */
enum cps_status cps_session_open(const struct cps_options *options, enum cps_session_ratings ratings,
                                 struct cps_session *out);
void cps_session_close(struct cps_session *self);

/* The id and the title of the movie in row ("#na#" for row 0); borrowed from self. */
const char *cps_session_movie_id(const struct cps_session *self, uint32_t row);
const char *cps_session_title(const struct cps_session *self, uint32_t row);

/* Reads the ratings file at path and maps its users and movies to rows of the model. The caller releases
 * dataset and map. */
enum cps_status cps_session_read(const struct cps_session *self, const struct cps_options *options,
                                 const char *path, struct cps_dataset *dataset, struct cps_row_map *map);

/* Finds the row of the user with this id. CPS_ERR_DATA when the model has no such user. */
enum cps_status cps_session_find_user(const struct cps_session *self, const char *id, uint32_t *row);

/* Finds the row of a movie by id or title; see inference/title_search.h. */
enum cps_status cps_session_find_movie(const struct cps_session *self, const char *text, uint32_t *row);

#endif
