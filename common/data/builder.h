/*
 * A dataset under construction, private to build*.c: the data read, and the steps from there to samples.
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
#include "common/synth/synth.h"
#include "common/data/titles.h"

struct cps_builder {
    const struct cps_dataset_request *request;
    const struct cps_sharing *sharing;
    struct cps_titles titles;
    struct cps_part part;
    struct cps_fingerprint_reading reading;
    const struct cps_synth_spec *synth; /* NULL otherwise */
    struct cps_dataset_request said; /* for a prepared set: request with the options its text was read with */
    struct cps_split split;
    struct cps_dataset data;           /* everything but samples */
    bool prepares;                     /* the ratings are written to a prepared set */
    const struct cps_prepared *stored; /* ratings that stay in their file; NULL otherwise */
};

void cps_builder_init(struct cps_builder *self, const struct cps_dataset_request *request,
                      const struct cps_sharing *sharing, bool titled, bool split_given);

/* The other ranks; NULL if every rank reads everything by itself. */
const struct cps_peers *cps_builder_peers_of(const struct cps_builder *self);

/* Empties the part, ready for reading. */
void cps_builder_start_part(struct cps_builder *self);

/* After reading: assigns rows to the part's ratings and computes the split and the fingerprint. */
enum cps_status cps_builder_settle(struct cps_builder *self);

/* Completes the dataset: settles it, delivers the ratings to their shards and makes samples. shards[s] gets the
 * samples of shard s if this rank owns it; a shard that is not wanted is NULL on all ranks. Collective. */
enum cps_status cps_builder_finish(struct cps_builder *self, struct cps_dataset *const *shards);

/* Releases self after moving its data to *out if status is CPS_OK. Returns status. */
enum cps_status cps_builder_hand_over(struct cps_builder *self, enum cps_status status,
                                      struct cps_dataset *out);

/* Reads this rank's part of a prepared set; all ranks agree on the status. Collective. */
enum cps_status cps_builder_read_prepared(struct cps_builder *self, const struct cps_prepared *set);

/* cps_builder_finish() for ratings that stay in their file, after cps_builder_settle(). Sets *repeats to those
 * of this rank. Collective; the result may differ between ranks. */
enum cps_status cps_builder_deliver_stored(struct cps_builder *self, struct cps_dataset *const *shards,
                                           uint64_t *repeats);

/* Assigns each row of the user table to a shard. */
enum cps_status cps_builder_deal(const struct cps_builder *self, uint32_t *shard_of_row);

/* Whether this rank owns the shard. */
bool cps_builder_is_here(const struct cps_builder *self, uint32_t shard);

/* Generates the whole synthetic set of self->synth. */
enum cps_status cps_builder_read_synth(struct cps_builder *self);

#endif
