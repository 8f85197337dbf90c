/*
 * A trained model in memory, ready to predict.
 *
 *   RUN/model.safetensors  -> rows [user_rows + movie_rows][stride], users first; bias beside them
 *   its metadata           -> kind, range
 *   RUN/users.tsv, movies.tsv -> names of the rows
 *   RUN/run.json           -> the expected SHA-256 of the model
 *
 * A user's key is its row, a movie's user_rows + row, as in cps_plan.
 */
#ifndef CPS_INFERENCE_TRAINED_H
#define CPS_INFERENCE_TRAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/model/kernels.h"
#include "common/model/plan.h"
#include "common/store/row_names.h"

struct cps_trained {
    struct cps_plan plan; /* kind, factors, range, rows of both tables; the rest is zero */
    const struct cps_kernels *kernels;
    uint32_t stride; /* floats from a row to the next; zero padding after the factors */
    float *rows;     /* [user_rows + movie_rows][stride] */
    float *bias;     /* [user_rows + movie_rows]; zero in the dot model */
    struct cps_row_names users, movies;
};

/* Opens the model of a run: its folder, or a safetensors file with users.tsv and movies.tsv beside it.
 * best: the model of the best epoch, if that is not the last. CPS_ERR_DATA if the run or its model is missing,
 * if the model is not the one recorded in run.json, or if the names do not match its rows. */
enum cps_status cps_trained_open(const char *path, bool best, struct cps_trained *out);
void cps_trained_close(struct cps_trained *self);

static inline const float *cps_trained_row(const struct cps_trained *self, uint32_t key)
{
    return self->rows + (size_t)key * self->stride;
}

/* Computes score[i] = <u, m> (+ bu + bm) for count pairs of keys, bit-identical to validation during training;
 * the input of cps_predict and cps_residuals. */
void cps_trained_scores(const struct cps_trained *self, const uint32_t *user_keys, const uint32_t *movie_keys,
                        size_t count, float *score);

/* The score of a user's row (factors, bias) and a movie, summed in double; it orders lists. */
double cps_trained_exact_score(const struct cps_trained *self, const float *row, float bias,
                               uint32_t movie_row);

/* The prediction for a score: cps_predict() in double. */
double cps_trained_prediction(const struct cps_trained *self, double score);

/* The prediction for one pair of rows, from its exact score. */
double cps_trained_predict(const struct cps_trained *self, uint32_t user_row, uint32_t movie_row);

#endif
