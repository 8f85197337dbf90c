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
#include "common/data/sharing.h"
#include "common/data/source.h"
#include "common/data/synth.h"

struct cps_dataset_sources {
    struct cps_source ratings; /* the training ratings where valid is given */
    struct cps_source valid;   /* path NULL: split by seed */
    struct cps_source titles;  /* path NULL: items are keyed by id */
    const struct cps_delimiter *title_delimiter;
    bool whole; /* rank 0 reads the ratings alone; of the others they may be empty */
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

/* Both from a synthetic set, which every rank makes for itself; its items are titled unless request keys
 * them by id. */
enum cps_status cps_dataset_build_synth(const struct cps_dataset_request *request,
                                        const struct cps_synth_spec *spec, struct cps_dataset *out);
enum cps_status cps_dataset_build_synth_shared(const struct cps_dataset_request *request,
                                               const struct cps_synth_spec *spec,
                                               const struct cps_sharing *sharing, struct cps_dataset *out,
                                               struct cps_dataset *shards);

#endif
