/* A run's model as a safetensors file: the rows of both tables under the names of the notebook's modules. */
#ifndef CPS_SERVER_RECORD_MODEL_FILE_H
#define CPS_SERVER_RECORD_MODEL_FILE_H

#include "common/model/plan.h"
#include "common/store/safetensors.h"

/* Rows of keys first_key … first_key + count - 1. */
struct cps_model_rows {
    uint32_t first_key, count;
    const float *values; /* [count][width] */
};

/* Starts the file at path; see cps_safetensors_writer_create. */
enum cps_status cps_model_file_create(const char *path, const struct cps_plan *plan,
                                      struct cps_safetensors_writer **out);

enum cps_status cps_model_file_add(struct cps_safetensors_writer *file, const struct cps_plan *plan,
                                   const struct cps_model_rows *rows);

#endif
