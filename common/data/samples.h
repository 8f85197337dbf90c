/*
 * The training and validation samples of one shard, out of ratings that have their rows.
 *
 * Where a rating goes follows from its place among all ratings of the set, counted from 0 in the order of
 * the file (of the training file, then the validation file, where two are given).
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

/* How a set is parted. Position p of a rating: p < valid_count is for validation, else the training
 * sample of index p - valid_count. */
struct cps_split {
    uint64_t train_count, valid_count;
    bool given; /* by two files; else drawn: positions are P(place) - valid_first modulo the number of
                   ratings, P the permutation of (seed, CPS_RANDOM_SPLIT) */
    uint64_t valid_first;
    struct cps_permutation permutation;
};

/* The split of a set whose two files hold so many ratings. */
void cps_split_given(struct cps_split *self, uint64_t train_count, uint64_t valid_count);

/* The split that draws a share of count ratings, valid_pct. */
void cps_split_drawn(struct cps_split *self, uint64_t seed, uint64_t count, double valid_pct);

/* The split that validates on fold number `fold` (from 1) of `folds`: for one seed they share no rating, hold
 * them all, and differ in size by one at most. */
void cps_split_fold(struct cps_split *self, uint64_t seed, uint64_t count, uint32_t fold, uint32_t folds);

/* The positions of ratings by their places; in and out may be the same. */
void cps_split_positions(const struct cps_split *self, const uint32_t *places, uint64_t count, uint32_t *out);

void cps_samples_release(struct cps_samples *self);

/* Room for count samples, with an index for training. */
enum cps_status cps_samples_alloc(struct cps_samples *self, uint64_t count, bool training);

/* Deals ratings, which have their rows, by their places into samples. Consumes list and places, a
 * column at a time, so that no more than one column is ever held twice. */
enum cps_status cps_samples_split(struct cps_rating_list *list, uint32_t *places, const struct cps_split *split,
                                  struct cps_samples *train, struct cps_samples *valid);

/* Memory of the columns. */
uint64_t cps_samples_bytes(const struct cps_samples *self);

#endif
