/*
 * The samples of one shard, gathered row by row.
 *
 * While reading, user and movie are numbers in the order ids were first seen and index
 * is the rating's place in its file; cps_samples_split() and the caller's remapping
 * turn them into what struct cps_samples promises.
 */
#ifndef CPS_DATA_SAMPLES_H
#define CPS_DATA_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/dataset.h"

/* Samples are numbered by 32 bits. */
#define CPS_RATINGS_MAX UINT32_MAX

/* All zeroes is a valid empty one. */
struct cps_sample_buffer {
    uint64_t seen; /* ratings of the file so far, of any shard */
    struct cps_samples kept;
    size_t capacity;
};

void cps_samples_release(struct cps_samples *self);

/* Makes room for one more. */
enum cps_status cps_sample_buffer_grow(struct cps_sample_buffer *self);

/* Deals the samples of one file into training and validation ones, each trimmed to
 * its size: rating i of n is for validation when P(i) < valid_count, else the training
 * sample of index P(i) - valid_count, P the permutation of (seed, CPS_RANDOM_SPLIT).
 * Consumes self. */
enum cps_status cps_samples_split(struct cps_sample_buffer *self, uint64_t seed, uint64_t valid_count,
                                  struct cps_samples *train, struct cps_samples *valid);

/* Makes all of self samples, trimmed; without index for validation. Consumes self. */
enum cps_status cps_samples_keep_train(struct cps_sample_buffer *self, struct cps_samples *out);
enum cps_status cps_samples_keep_valid(struct cps_sample_buffer *self, struct cps_samples *out);

/* Memory of the columns. */
uint64_t cps_samples_bytes(const struct cps_samples *self);

#endif
