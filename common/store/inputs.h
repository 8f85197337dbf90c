/*
 * The files that a run reads and its curve depends on: the ratings and titles of --data, or those of
 * --train and --valid; the weights of --init; the order of --batch-order.
 *
 *   options -> files, each with its size and SHA-256 -> run.json
 *                                                    -> replay: are they those of the record?
 *
 * Option files are none of them: what they said is among the options.
 */
#ifndef CPS_STORE_INPUTS_H
#define CPS_STORE_INPUTS_H

#include "common/base/sha256.h"
#include "common/options/options.h"
#include "common/store/run_record.h"

struct cps_inputs {
    struct cps_record_input *files; /* [count], in the order of the option table; texts are theirs */
    size_t count, capacity;
};

/* Reads all of the files that options name; of the ratings only where with_ratings. What is missing
 * is CPS_ERR_DATA. *out is to be released whatever comes of it. Not collective. */
enum cps_status cps_inputs_read(const struct cps_options *options, bool with_ratings, struct cps_inputs *out);
void cps_inputs_release(struct cps_inputs *self);

/* One digest of what is in the files, the ratings aside; not of where they are. */
enum cps_status cps_inputs_digest(const struct cps_inputs *self, uint8_t out[CPS_SHA256_BYTES]);

/* Whether self, the files of options, are those that a run recorded. Of an option that came from the
 * record it is CPS_ERR_DATA when they are not; for one that the command line gave, a line is added to
 * differing, and *others is set. */
enum cps_status cps_inputs_check(const struct cps_inputs *self, const struct cps_options *options,
                                 const struct cps_record_input *recorded, size_t recorded_count,
                                 struct cps_text *differing, bool *others);

#endif
