/*
 * The files of a model, found from a path given on the command line.
 *
 *     RUN                  RUN/model.safetensors, RUN/users.tsv, RUN/movies.tsv
 *     DIR/FILE.safetensors the file, DIR/users.tsv, DIR/movies.tsv
 */
#ifndef CPS_STORE_MODEL_FILES_H
#define CPS_STORE_MODEL_FILES_H

#include <stdbool.h>

#include "common/base/status.h"

#define CPS_MODEL_PATH_BYTES 4096

struct cps_model_files {
    char model[CPS_MODEL_PATH_BYTES], users[CPS_MODEL_PATH_BYTES], movies[CPS_MODEL_PATH_BYTES];
    bool is_run;    /* the path is a folder */
    bool has_names; /* both lists of names are there */
};

/* CPS_ERR_DATA if path does not exist; whether the model file exists is left to its reader. */
enum cps_status cps_model_files_find(const char *path, struct cps_model_files *out);

#endif
