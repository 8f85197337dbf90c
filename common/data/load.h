/* A dataset from the files that a request names. */
#ifndef CPS_DATA_LOAD_H
#define CPS_DATA_LOAD_H

#include "common/data/dataset.h"

/* Reads what request asks for. Not collective. CPS_ERR_DATA with file:line for bad
 * data, CPS_ERR_USAGE for a request that contradicts itself. */
enum cps_status cps_dataset_load(const struct cps_dataset_request *request, struct cps_dataset *out);

#endif
