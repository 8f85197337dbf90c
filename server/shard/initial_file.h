/*
 * The initial model of --init RUN|FILE.safetensors: the tensors that training starts from.
 *
 *   users.tsv and movies.tsv beside the tensors   rows are found by external id, or by title where the ratings
 *                                                 have titles; an id that is new gets a fresh row
 *   none                                          row r of the data is row r of the tensors
 *
 * The rank that has the vocabulary computes the mapping of rows and sends it to the servers, which do not read
 * the ratings.
 */
#ifndef CPS_SERVER_SHARD_INITIAL_FILE_H
#define CPS_SERVER_SHARD_INITIAL_FILE_H

#include "common/base/text.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"
#include "common/store/model_files.h"
#include "common/store/safetensors.h"
#include "server/shard/table.h"

struct cps_initial_file {
    struct cps_model_files files;
    struct cps_safetensors *file;
    struct cps_safetensors_view user_factors, movie_factors, user_bias, movie_bias;
    bool has_bias;
    uint32_t user_rows, movie_rows; /* of the tensors */
    struct cps_text row_of; /* uint32_t [keys]: row of the tensors, or CPS_ROW_NONE; empty: same number */
    uint32_t new_users, new_movies;
};

/* Opens path, a run folder or a safetensors file. CPS_ERR_DATA when it cannot be read. Not collective. */
enum cps_status cps_initial_file_open(struct cps_initial_file *self, const char *path);
void cps_initial_file_close(struct cps_initial_file *self);

/* Whether rows are found by name, so that cps_initial_file_match must be called. */
static inline bool cps_initial_file_has_names(const struct cps_initial_file *self)
{
    return self->files.has_names;
}

/* Finds the users and movies of data by name: fills row_of and counts those without a row in the tensors. */
enum cps_status cps_initial_file_match(struct cps_initial_file *self, const struct cps_dataset *data);

/* Checks the shape of the tensors against plan; CPS_ERR_DATA when they differ. */
enum cps_status cps_initial_file_check(const struct cps_initial_file *self, const struct cps_plan *plan);

/* Returns self as a source of initial rows for a plan that it was checked against; borrows self. */
struct cps_initial_rows cps_initial_file_rows(const struct cps_initial_file *self);

#endif
