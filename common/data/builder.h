/*
 * A dataset in the making, for build*.c alone: what was read, and the way from there to samples.
 *
 *     build.c            files    --+
 *     build_prepared.c   a prepared set --> part --> cps_builder_finish() --> dataset and samples
 *     build_synth.c      a synthetic set --+
 */
#ifndef CPS_DATA_BUILDER_H
#define CPS_DATA_BUILDER_H

#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/fingerprint.h"
#include "common/data/parts.h"
#include "common/data/prepared.h"
#include "common/data/samples.h"
#include "common/data/sharing.h"
#include "common/data/synth.h"
#include "common/data/titles.h"

struct cps_builder {
    const struct cps_dataset_request *request;
    const struct cps_sharing *sharing;
    struct cps_titles titles;
    struct cps_part part;
    struct cps_fingerprint_reading reading;
    const struct cps_synth_spec *synth; /* NULL otherwise */
    struct cps_dataset_request said;    /* of a prepared set: as request, but read as the text was */
    struct cps_split split;
    struct cps_dataset data; /* all but samples */
};

void cps_builder_init(struct cps_builder *self, const struct cps_dataset_request *request,
                      const struct cps_sharing *sharing, bool titled, bool split_given);

/* The other ranks; NULL where each does all by itself. */
const struct cps_peers *cps_builder_peers_of(const struct cps_builder *self);

/* Empties the part, ready to be read into. */
void cps_builder_start_part(struct cps_builder *self);

/* Once all is read: rows for the part's ratings, the split, the fingerprint. */
enum cps_status cps_builder_settle(struct cps_builder *self);

/* All that is left: settles, passes the ratings on and makes samples of them. shards[s] gets those of shard s,
 * if that is this rank's; NULL, on all ranks alike, is one that nobody wants. Collective. */
enum cps_status cps_builder_finish(struct cps_builder *self, struct cps_dataset *const *shards);

/* Releases self, whose data become *out if status is CPS_OK. Returns status. */
enum cps_status cps_builder_hand_over(struct cps_builder *self, enum cps_status status,
                                      struct cps_dataset *out);

/* Reads a part of a prepared set, and agrees on it. Collective. */
enum cps_status cps_builder_read_prepared(struct cps_builder *self, const struct cps_prepared *set);

/* Makes the synthetic set of self, all of it. */
enum cps_status cps_builder_read_synth(struct cps_builder *self);

#endif
