/*
 * The training and validation samples of one shard, made from ratings whose rows are assigned.
 *
 * The sample that a rating becomes is determined by its place among all ratings of the set, counted from 0 in
 * the order of the file (of the training file, then the validation file, if there are two).
 */
#ifndef CPS_DATA_SAMPLES_H
#define CPS_DATA_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/permutation.h"
#include "common/base/status.h"
#include "common/data/dataset.h"
#include "common/data/rating_list.h"

/* The split of a set. A rating at position p < valid_count is for validation, else it is the training
 * sample of index p - valid_count. */
struct cps_split {
    uint64_t train_count, valid_count;
    bool given; /* by two files; else random: positions are P(place) - valid_first modulo the number of
                   ratings, P the permutation of (seed, CPS_RANDOM_SPLIT) */
    uint64_t valid_first;
    struct cps_permutation permutation;
};

/* The split of a set given as two files with these numbers of ratings. */
void cps_split_given(struct cps_split *self, uint64_t train_count, uint64_t valid_count);

/* A random split of count ratings, of which the fraction valid_pct is for validation. */
void cps_split_drawn(struct cps_split *self, uint64_t seed, uint64_t count, double valid_pct);

/* The split that validates on fold `fold` (from 1) of `folds`. For a given seed the folds are disjoint, cover
 * all ratings, and differ in size by at most one. */
void cps_split_fold(struct cps_split *self, uint64_t seed, uint64_t count, uint32_t fold, uint32_t folds);

/* Maps the places of ratings to positions; places and out may be the same. */
void cps_split_positions(const struct cps_split *self, const uint32_t *places, uint64_t count, uint32_t *out);

void cps_samples_release(struct cps_samples *self);

/* Allocates count samples; training samples also get an index column. */
enum cps_status cps_samples_alloc(struct cps_samples *self, uint64_t count, bool training);

/* Distributes ratings whose rows are assigned over train and valid by their places. Consumes list and places
 * one column at a time, so that at most one column is held twice. */
enum cps_status cps_samples_split(struct cps_rating_list *list, uint32_t *places, const struct cps_split *split,
                                  struct cps_samples *train, struct cps_samples *valid);

/* The memory of the columns, in bytes. */
uint64_t cps_samples_bytes(const struct cps_samples *self);

#endif
