/* Principal components of movies' factors: the directions in which they differ most. */
#ifndef CPS_INFERENCE_COMPONENTS_H
#define CPS_INFERENCE_COMPONENTS_H

#include "common/inference/trained.h"

/*
 * Projects count movies' factors, less their mean, on their first `wanted` principal components:
 * out[count][wanted], and share[wanted] of the variance that each explains. Components are found by cyclic
 * Jacobi rotations of the covariance (Golub and Van Loan, Matrix Computations, 8.5); each points to where its
 * largest element is positive, so that the picture of a model is always the same way up. wanted <= factors.
 */
enum cps_status cps_components(const struct cps_trained *model, const uint32_t *movie_rows, uint32_t count,
                               uint32_t wanted, double *out, double *share);

#endif
