/*
 * A row for a person who was not in the data, from a few ratings; nothing is trained again.
 *
 * The row is the most likely one (MAP): the ratings are taken to scatter around the model's predictions with a
 * variance of noise, and the row to come from the normal distribution that the users of the model have, mean
 * and covariance:
 *
 *     minimise  Σ_i (f(<x, z_i>) - y_i)² / noise + (x - mean)ᵀ covariance⁻¹ (x - mean)
 *
 * with x = [factors, bias], z_i = [movie's factors, 1], f the model's range, by Gauss-Newton steps, halved
 * until they descend. Without ratings it is the mean user. (Salakhutdinov and Mnih, Probabilistic Matrix
 * Factorization, NIPS 2007, with the prior taken from the data, as in empirical Bayes.)
 */
#ifndef CPS_INFERENCE_FOLD_IN_H
#define CPS_INFERENCE_FOLD_IN_H

#include "common/inference/trained.h"

struct cps_fold_in; /* opaque: the distribution of a model's users */

/* model is borrowed. noise: the variance of a rating around its prediction, > 0; the run's valid_loss. */
enum cps_status cps_fold_in_create(const struct cps_trained *model, double noise, struct cps_fold_in **out);
void cps_fold_in_destroy(struct cps_fold_in **self);

/* The row for count ratings of movies: factors [plan.factors] and *bias, 0 in the dot model. */
enum cps_status cps_fold_in_solve(struct cps_fold_in *self, const uint32_t *movie_rows, const float *ratings,
                                  size_t count, float *factors, float *bias);

#endif
