/*
 * Builds a dataset from bytes in memory: everything in load.h except finding and opening the files, so that
 * tests and fuzzers need no files.
 */
#ifndef CPS_DATA_BUILD_H
#define CPS_DATA_BUILD_H

#include <stdbool.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/prepared.h"
#include "common/data/sharing.h"
#include "common/synth/synth.h"
#include "common/text/fields.h"
#include "common/text/source.h"

struct cps_dataset_sources {
    struct cps_source ratings; /* the training ratings where valid is given */
    struct cps_source valid;   /* path NULL: split by seed */
    struct cps_source titles;  /* path NULL: items are keyed by id */
    const struct cps_delimiter *title_delimiter;
    bool whole; /* rank 0 alone reads the ratings; those of other ranks may be empty */
    /* At most one of these, instead of the texts. */
    const struct cps_prepared *prepared;
    const struct cps_synth_spec
        *synth; /* titled unless the request keys items by id; every rank generates all of it */
};

/* Builds *out, except its description, in this process alone. Uses the columns, split, shard and rows of
 * request. Errors are CPS_ERR_DATA; *out is then empty. */
enum cps_status cps_dataset_build(const struct cps_dataset_request *request,
                                  const struct cps_dataset_sources *sources, struct cps_dataset *out);

/* Builds the dataset on all ranks together, like cps_dataset_load_shared(). Collective; the result may differ
 * between ranks, so the caller must make them agree on it. */
enum cps_status cps_dataset_build_shared(const struct cps_dataset_request *request,
                                         const struct cps_dataset_sources *sources,
                                         const struct cps_sharing *sharing, struct cps_dataset *out,
                                         struct cps_dataset *shards);

/* Reads the texts and writes them to path as a prepared set; origin[origin_count] are the files they came from,
 * in the order of the texts; a hash that is empty is that of the text.
 * *out gets everything but samples, and notes on the data. Not collective. */
enum cps_status cps_dataset_prepare(const struct cps_dataset_request *request,
                                    const struct cps_dataset_sources *sources,
                                    const struct cps_prepared_source *origin, uint32_t origin_count,
                                    const char *path, struct cps_dataset *out);

#endif
