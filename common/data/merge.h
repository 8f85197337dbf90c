/*
 * One numbering of ids out of those of all ranks.
 *
 * Each rank numbers the ids of its part in the order it sees them. The numbers of the whole are those that
 * a single reader would give: the parts' ids in the order of the ranks, each once.
 */
#ifndef CPS_DATA_MERGE_H
#define CPS_DATA_MERGE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/ids.h"

/* Adds ids to out as bytes that cps_merge_add() reads. */
enum cps_status cps_merge_write(const struct cps_ids *ids, struct cps_text *out);

/* Adds the ids that lie in bytes to whole; number (NULL: not wanted) gets that of each. Returns in *used how
 * many bytes they took. CPS_ERR_INTERNAL for bytes that are cut. */
enum cps_status cps_merge_add(struct cps_ids *whole, const char *bytes, uint64_t size, uint64_t *used,
                              uint32_t *number);

#endif
