/*
 * Looks for the penalties that predict best what a fit has not seen: those of biases, whether they shrink
 * toward levels, whether a range harms, and that of factors. See baselines.h.
 */
#ifndef CPS_DATA_PENALTY_SEARCH_H
#define CPS_DATA_PENALTY_SEARCH_H

#include "common/data/bias_fit.h"

enum { CPS_PARTS = 5, CPS_HELD_OUT_SWEEPS = 3 };

/* One part of this many ratings tells penalties apart. */
#define CPS_MANY_RATINGS 2000000

/* Sets what a search finds in *out; self has room. Collective. */
enum cps_status cps_penalty_search_run(struct cps_bias_fit *self, uint64_t seed, struct cps_baselines *out);

#endif
