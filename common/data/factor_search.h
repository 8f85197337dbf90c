/*
 * Looks for the penalty of factors by cross-validation.
 *
 * A few factors are fitted to the errors of the biases, from small values on, by steps of gradient descent over
 * all ratings, for as long as training by sgd would take: factors that would hardly grow in that time must not
 * seem to pay, or to harm. This is done for penalties that decrease until one predicts the parts held out worse
 * than one before.
 */
#ifndef CPS_DATA_FACTOR_SEARCH_H
#define CPS_DATA_FACTOR_SEARCH_H

#include "common/data/bias_fit.h"

/* Sets *out to the penalty, in the units of found->noise: of the sum of squared errors plus the penalty times
 * the sum of the squares of all factors. Where no factors are worth it, a penalty that none survives. self has
 * parts and the levels that were found; rms is the root mean square of errors on ratings held out. Collective.
 */
enum cps_status cps_factor_search_run(struct cps_bias_fit *self, const struct cps_baselines *found, double rms,
                                      double *out);

#endif
