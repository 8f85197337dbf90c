/*
 * What a model has to beat: the validation loss of two predictions that need no training.
 *
 *   mean     the mean of all training ratings
 *   biases   mean + b_user + b_movie, where the b minimise the squared error over the training ratings plus
 *            CPS_BASELINE_PENALTY times the sum of all b² (ridge regression), found by CPS_BASELINE_SWEEPS
 *            rounds over movies and users in turn (Koren, "Factorization meets the neighborhood", KDD 2008,
 *            section 2.1). A user or movie without training ratings has b = 0.
 *
 * Everything is summed as integers, so the results do not depend on how ratings lie on ranks.
 */
#ifndef CPS_DATA_BASELINES_H
#define CPS_DATA_BASELINES_H

#include "common/data/dataset.h"

#define CPS_BASELINE_PENALTY 3.0
#define CPS_BASELINE_SWEEPS 5

struct cps_baselines {
    uint64_t train_count;          /* ratings to train on, over all ranks */
    double mean;                   /* of them */
    bool has_losses;               /* false without validation ratings, or beyond the range of losses */
    double mean_loss, biases_loss; /* mean squared errors over the validation ratings */
};

/* Replaces values[count] by their sums over all ranks, modulo 2^64. Collective. */
struct cps_rank_sums {
    void *context;
    enum cps_status (*add)(void *context, uint64_t *values, size_t count);
};

/* From the shards of this rank, which all ranks call with theirs, none perhaps. overview: what the set has
 * in all, on one rank; NULL on all others. The same *out on every rank. Collective. */
enum cps_status cps_baselines_fit(const struct cps_dataset *const *shards, size_t count,
                                  const struct cps_dataset *overview, const struct cps_rank_sums *sums,
                                  struct cps_baselines *out);

#endif
