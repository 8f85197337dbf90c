/* What a person should know of a set that was read: nothing that stops a run, but what surprises. */
#ifndef CPS_DATA_NOTES_H
#define CPS_DATA_NOTES_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/dataset.h"
#include "common/data/skip.h"

/* From here on a number is no rating. */
#define CPS_RATING_LIMIT 1e6f

/* Refuses ratings that are timestamps, or beyond CPS_RATING_LIMIT; path is their file. CPS_ERR_DATA. */
enum cps_status cps_notes_check_scale(const struct cps_dataset *data, const char *path);

/* Adds to out, a line each: lines that were skipped, ratings that are all equal or look like counts, and
 * repeated pairs of user and item. */
enum cps_status cps_notes_write(const struct cps_dataset *data, const struct cps_skip *skip, uint64_t repeats,
                                struct cps_text *out);

/* How many of the samples repeat a pair of user and movie that stands before them: exact up to a million
 * samples, beyond that estimated from one pair in 2, 4, …, chosen by a hash. */
enum cps_status cps_notes_count_repeats(const struct cps_samples *train, const struct cps_samples *valid,
                                        uint64_t *out);

#endif
