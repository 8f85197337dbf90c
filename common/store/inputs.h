/*
 * The files that a run reads and its curve depends on: the ratings and titles of --data, or those of
 * --train and --valid; the weights of --init; the order of --batch-order.
 *
 *   options -> files, each with its size and SHA-256 -> run.json
 *                                                    -> replay: compared with the record
 *
 * Option files are not included, since their values are recorded as options.
 */
#ifndef CPS_STORE_INPUTS_H
#define CPS_STORE_INPUTS_H

#include "common/base/sha256.h"
#include "common/data/dataset.h"
#include "common/options/options.h"
#include "common/store/run_record.h"

struct cps_inputs_job;

struct cps_inputs {
    struct cps_record_input *files; /* [count], in the order of the option table; texts are theirs */
    size_t count, capacity;
    struct cps_inputs_job *job; /* that is reading them; NULL: none is */
};

/* Reads all files that options name; ratings only if with_ratings. CPS_ERR_DATA for a missing
 * file. Release *out also after an error. Not collective. */
enum cps_status cps_inputs_read(const struct cps_options *options, bool with_ratings, struct cps_inputs *out);
void cps_inputs_release(struct cps_inputs *self);

/* Begins to read the files on a thread, as cps_inputs_read(); with ratings only at cps_inputs_resume(), when some
 * of their digests are known. options, and the place of *out, must stay as they are until cps_inputs_await(),
 * which must come before any other use, or release. Errors are those of the start. */
enum cps_status cps_inputs_begin(const struct cps_options *options, bool with_ratings, struct cps_inputs *out);

/* Begins to read the files if cps_inputs_begin() left that for later. loaded (NULL: none is) has the digests of
 * the files that the ratings were read from, which are not read again. */
void cps_inputs_resume(struct cps_inputs *self, const struct cps_dataset *loaded);

/* Whether the files are read, so that cps_inputs_await() takes no time. */
bool cps_inputs_are_read(const struct cps_inputs *self);

/* Waits until the files are read, if they are not yet. Errors are those of cps_inputs_read(), told once. */
enum cps_status cps_inputs_await(struct cps_inputs *self);

/* Whether options name files besides the ratings. */
bool cps_inputs_has_others(const struct cps_options *options);

/* A digest over the contents of the files except the ratings; paths do not matter. */
enum cps_status cps_inputs_digest(const struct cps_inputs *self, uint8_t out[CPS_SHA256_BYTES]);

/* Compares self, the files of options, with those that a run recorded. If one differs whose option came from
 * the record, returns CPS_ERR_DATA; if its option was given on the command line, appends a line to differing
 * and sets *others. */
enum cps_status cps_inputs_check(const struct cps_inputs *self, const struct cps_options *options,
                                 const struct cps_record_input *recorded, size_t recorded_count,
                                 struct cps_text *differing, bool *others);

#endif
