/*
 * A dataset out of bytes in memory: all of load.h but finding and opening the files, so that a test or a
 * fuzzer needs no file.
 */
#ifndef CPS_DATA_BUILD_H
#define CPS_DATA_BUILD_H

#include <stdbool.h>

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/fields.h"
#include "common/data/prepared.h"
#include "common/data/sharing.h"
#include "common/data/source.h"
#include "common/data/synth.h"

struct cps_dataset_sources {
    struct cps_source ratings; /* the training ratings where valid is given */
    struct cps_source valid;   /* path NULL: split by seed */
    struct cps_source titles;  /* path NULL: items are keyed by id */
    const struct cps_delimiter *title_delimiter;
    bool whole; /* rank 0 reads the ratings alone; of the others they may be empty */
    /* One of these in place of texts, or neither. */
    const struct cps_prepared *prepared;
    const struct cps_synth_spec
        *synth; /* titled unless the request keys items by id; every rank makes it all */
};

/* Builds *out, all but its description, in this process alone. Of request it looks at the columns, the
 * split, the shard and the rows. CPS_ERR_DATA, and *out is then empty. */
enum cps_status cps_dataset_build(const struct cps_dataset_request *request,
                                  const struct cps_dataset_sources *sources, struct cps_dataset *out);

/* The same, shared: see cps_dataset_load_shared(). Collective; the ranks have yet to agree on the outcome. */
enum cps_status cps_dataset_build_shared(const struct cps_dataset_request *request,
                                         const struct cps_dataset_sources *sources,
                                         const struct cps_sharing *sharing, struct cps_dataset *out,
                                         struct cps_dataset *shards);

/* Reads texts and writes the prepared set of them to path; origin[origin_count] are the files they came from.
 * *out has all but samples, and notes of what was read. Not collective. */
enum cps_status cps_dataset_prepare(const struct cps_dataset_request *request,
                                    const struct cps_dataset_sources *sources,
                                    const struct cps_prepared_source *origin, uint32_t origin_count,
                                    const char *path, struct cps_dataset *out);

#endif
