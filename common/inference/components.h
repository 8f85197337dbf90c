/* Principal components of movies' factors. */
#ifndef CPS_INFERENCE_COMPONENTS_H
#define CPS_INFERENCE_COMPONENTS_H

#include "common/inference/trained.h"

/*
 * Projects the centred factors of count movies on their first `wanted` principal components:
 * out[count][wanted] are the coordinates, share[wanted] the fractions of variance explained. Components are
 * computed by cyclic Jacobi rotations of the covariance (Golub and Van Loan, Matrix Computations, 8.5); the
 * sign of each makes its largest element positive, so that a model always gives the same picture. wanted <=
 * factors.
 */
enum cps_status cps_components(const struct cps_trained *model, const uint32_t *movie_rows, uint32_t count,
                               uint32_t wanted, double *out, double *share);

#endif
