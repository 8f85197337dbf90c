/*
 * Checks that the ratings of a prepared set have the places 0 .. count - 1, each once, whichever rank reads
 * which. Checksums detect damage by chance; this detects a file that a program wrote wrongly.
 */
#ifndef CPS_DATA_PLACES_H
#define CPS_DATA_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/peers.h"

struct cps_places {
    uint64_t count;
    uint64_t *seen; /* a bit each, padded to whole records of peers.h */
};

/* Allocates a bit for each of count places. */
enum cps_status cps_places_init(struct cps_places *self, uint64_t count);
void cps_places_release(struct cps_places *self);

/* Marks places[0..count-1], all below self->count, as seen; false if one was marked before. */
bool cps_places_mark(struct cps_places *self, const uint32_t *places, uint64_t count);

/* Whether no two of the ranks have marked the same place; *once is the same on every rank. The ranks' marks add
 * up to self->count, so that then every place has been seen. Collective; peers is NULL for a single process. */
enum cps_status cps_places_compare(const struct cps_places *self, const struct cps_peers *peers, bool *once);

#endif
