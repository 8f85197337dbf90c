/* A given start (--init FILE.safetensors): the tensors that training begins from. */
#ifndef CPS_SERVER_SHARD_INITIAL_FILE_H
#define CPS_SERVER_SHARD_INITIAL_FILE_H

#include "common/model/plan.h"
#include "common/store/safetensors.h"
#include "server/shard/table.h"

struct cps_initial_file {
    const char *path;
    struct cps_safetensors *file;
    struct cps_safetensors_view user_factors, movie_factors, user_bias, movie_bias;
    bool has_bias;
    uint32_t user_rows, movie_rows;
};

/* Opens path, which is borrowed. CPS_ERR_DATA. Not collective. */
enum cps_status cps_initial_file_open(struct cps_initial_file *self, const char *path);
void cps_initial_file_close(struct cps_initial_file *self);

/* CPS_ERR_DATA when the tensors are not of plan's shape. */
enum cps_status cps_initial_file_check(const struct cps_initial_file *self, const struct cps_plan *plan);

/* Rows of self, for servers of a plan it was checked against; borrows self. */
struct cps_initial_rows cps_initial_file_rows(const struct cps_initial_file *self);

#endif
