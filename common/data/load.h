/* Loads a dataset from the files that a request names. */
#ifndef CPS_DATA_LOAD_H
#define CPS_DATA_LOAD_H

#include "common/data/dataset.h"
#include "common/data/sharing.h"

/* Loads the requested dataset in this process alone. Not collective. CPS_ERR_DATA with file:line for bad
 * data, CPS_ERR_USAGE for a request that contradicts itself. */
enum cps_status cps_dataset_load(const struct cps_dataset_request *request, struct cps_dataset *out);

/*
 * Loads the requested dataset on all ranks of a job: each reads a part of the file, and each rating is sent to
 * the rank of its shard. *out gets everything but samples, on every rank; shards[s] gets counts, fingerprint,
 * the number of rows and the samples of shard s if this rank owns it, and is empty otherwise. On failure all
 * are empty. request's shard, shards and keep_samples are ignored. Collective: all ranks return the same.
 */
enum cps_status cps_dataset_load_shared(const struct cps_dataset_request *request,
                                        const struct cps_sharing *sharing, struct cps_dataset *out,
                                        struct cps_dataset *shards);

/* Loads the requested dataset and writes it to path as a prepared set; *out gets everything but samples. The
 * split is not part of a prepared set: request's valid_pct and seed are ignored. Not collective. */
enum cps_status cps_dataset_load_and_prepare(const struct cps_dataset_request *request, const char *path,
                                             struct cps_dataset *out);

#endif
