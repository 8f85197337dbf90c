/*
 * The learning rate range test (Smith, "Cyclical learning rates for training neural networks", 2017, section
 * 3.3) as fastai's Learner.lr_find does it: the rate grows from 1e-7 by the same factor every step, towards 10
 * after a hundred, and the smoothed loss says how much of it the model bears.
 *
 *     schedule.h     the rates     CPS_SCHEDULE_RANGE_TEST
 *     deploy/cli     the losses    until the smoothed one exceeds CPS_RANGE_TEST_DIVERGED times its lowest
 *     here           which rate they suggest
 *
 * Both suggestions are those of fastai.callback.schedule: of the losses without the first tenth of the steps
 * and the last five.
 */
#ifndef CPS_MODEL_RANGE_TEST_H
#define CPS_MODEL_RANGE_TEST_H

#include <stddef.h>
#include <stdint.h>

#define CPS_RANGE_TEST_STEPS 100
#define CPS_RANGE_TEST_DIVERGED 4.0

/* The rate of step (0-based): 1e-7·(10 / 1e-7)^(step / 100). */
double cps_range_test_rate(uint64_t step);

/* Rates whose product with decay is below 1, from the first on, of all CPS_RANGE_TEST_STEPS: beyond, a step of
 * decoupled weight decay would take off more than there is of a weight. */
uint32_t cps_range_test_steps(double decay);

/* Of count steps of a test those that suggestions look at: *first .. *first + returned - 1. */
size_t cps_range_test_window(size_t count, size_t *first);

/* The step, of count with these smoothed losses, two thirds into the longest valley: the longest subsequence of
 * falling losses. Together with steep: fastai's valley() and steep(). count > 0. */
size_t cps_range_test_valley(const double *losses, size_t count);

/* The step from which the loss falls most over the logarithm of the rate. count > 1. */
size_t cps_range_test_steep(const double *losses, size_t count);

#endif
