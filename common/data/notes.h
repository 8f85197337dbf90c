/* Remarks on a set that do not stop a run but may surprise its user, and checks of its ratings. */
#ifndef CPS_DATA_NOTES_H
#define CPS_DATA_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/dataset.h"
#include "common/data/skip.h"

/* Larger numbers are not accepted as ratings. */
#define CPS_RATING_LIMIT 1e6f

/* The hash of a number. */
static inline uint64_t cps_notes_mix(uint64_t x)
{
    x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
    x = (x ^ x >> 32) * 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

/* Refuses ratings that are timestamps, or beyond CPS_RATING_LIMIT; path is their file. CPS_ERR_DATA. */
enum cps_status cps_notes_check_scale(const struct cps_dataset *data, const char *path);

/* Appends one line to out for each of: skipped lines, ratings that are all equal or look like counts, and
 * repeated pairs of user and item. */
enum cps_status cps_notes_write(const struct cps_dataset *data, const struct cps_skip *skip, uint64_t repeats,
                                struct cps_text *out);

/* Of a set of count ratings, one pair of user and movie in cps_notes_share() is compared, chosen by a hash. */
uint64_t cps_notes_share(uint64_t count);

/* Whether a pair is one of those that are compared. */
static inline bool cps_notes_compares(uint32_t user, uint32_t movie, uint64_t share)
{
    return (cps_notes_mix(((uint64_t)user << 32 | movie) + 1) & (share - 1)) == 0;
}

/* The number of samples that repeat an earlier pair of user and movie: exact up to a million
 * samples, beyond that estimated from one pair in 2, 4, …, chosen by a hash. */
enum cps_status cps_notes_count_repeats(const struct cps_samples *train, const struct cps_samples *valid,
                                        uint64_t *out);

#endif
