/*
 * Computes a row for a new person from a few ratings, without retraining.
 *
 * The row is the maximum a posteriori estimate (MAP): ratings are assumed to scatter around the model's
 * predictions with variance `noise`, and the row to come from a normal distribution with the mean and
 * covariance of the model's users:
 *
 *     minimise  Σ_i (f(<x, z_i>) - y_i)² / noise + (x - mean)ᵀ covariance⁻¹ (x - mean)
 *
 * with x = [factors, bias], z_i = [movie's factors, 1], f the model's range, by Gauss-Newton steps, halved
 * until the objective decreases. Without ratings it is the mean user. (Salakhutdinov and Mnih, Probabilistic
 * Matrix Factorization, NIPS 2007, with the prior taken from the data, as in empirical Bayes.)
 */
#ifndef CPS_INFERENCE_FOLD_IN_H
#define CPS_INFERENCE_FOLD_IN_H

#include "common/inference/trained.h"

struct cps_fold_in; /* opaque: the distribution of a model's users */

/* Computes the distribution of model's users; model is borrowed. noise > 0 is the variance of a rating around
 * its prediction, such as the run's valid_loss. */
enum cps_status cps_fold_in_create(const struct cps_trained *model, double noise, struct cps_fold_in **out);
void cps_fold_in_destroy(struct cps_fold_in **self);

/* Computes the row for count ratings of movies: factors[plan.factors] and *bias, 0 in the dot model. */
enum cps_status cps_fold_in_solve(struct cps_fold_in *self, const uint32_t *movie_rows, const float *ratings,
                                  size_t count, float *factors, float *bias);

#endif
