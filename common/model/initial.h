/* The initial weights, each a function of (seed, table, row, column). */
#ifndef CPS_MODEL_INITIAL_H
#define CPS_MODEL_INITIAL_H

#include "common/model/plan.h"

/* Fills row[cps_plan_row_width(plan)] with the initial weights of key. Every element, biases and
 * row 0 included, is fmod(N(0,1), 2)·0.01, as in fastai's Embedding (a normal truncated by remainder). */
void cps_initial_row(const struct cps_plan *plan, uint32_t key, float *row);

#endif
