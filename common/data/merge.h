/*
 * Merges the id numberings of all ranks into one.
 *
 * Each rank numbers the ids of its part in order of first appearance. The merged numbers equal those of a
 * single reader: the parts' ids in the order of the ranks, without duplicates.
 */
#ifndef CPS_DATA_MERGE_H
#define CPS_DATA_MERGE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/ids.h"

/* Appends ids to out in the form that cps_merge_add() reads. */
enum cps_status cps_merge_write(const struct cps_ids *ids, struct cps_text *out);

/* Adds the ids serialized in bytes to whole; number, unless NULL, gets the merged number of each. *used is the
 * number of bytes consumed. CPS_ERR_INTERNAL if the bytes are truncated. */
enum cps_status cps_merge_add(struct cps_ids *whole, const char *bytes, uint64_t size, uint64_t *used,
                              uint32_t *number);

#endif
