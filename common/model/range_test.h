/*
 * The learning rate range test (Smith, "Cyclical learning rates for training neural networks", 2017, section
 * 3.3) as fastai's Learner.lr_find does it: the rate grows from 1e-7 by the same factor every step, towards 10
 * after a hundred, and the smoothed loss says how much of it the model bears.
 *
 *     schedule.h     the rates     CPS_SCHEDULE_RANGE_TEST
 *     deploy/cli     the losses    until the smoothed one exceeds CPS_RANGE_TEST_DIVERGED times its lowest
 *     here           which rate they suggest
 *
 * Valley and steep are those of fastai.callback.schedule: of the losses without the first tenth of the steps
 * and the last five. Minimum is fastai's rule, a tenth of the rate with the lowest loss, of losses that are
 * smoothed around each step: fastai's running average has a lag of up to fifty steps, which is four decades.
 */
#ifndef CPS_MODEL_RANGE_TEST_H
#define CPS_MODEL_RANGE_TEST_H

#include <stddef.h>
#include <stdint.h>

#define CPS_RANGE_TEST_STEPS 100
#define CPS_RANGE_TEST_DIVERGED 4.0

/* The rate that 'minimum' suggests, as a fraction of that with the lowest loss. */
#define CPS_RANGE_TEST_BELOW_MINIMUM 0.1

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

/* The step with the lowest loss of first .. first + count - 1 of `steps` steps, if each loss is replaced by an
 * average around it with the weights of a Hann window, 1 + cos(pi·distance / 11). count > 0. */
size_t cps_range_test_minimum(const double *losses, size_t steps, size_t first, size_t count);

/* The step from which the loss falls most over the logarithm of the rate. count > 1. */
size_t cps_range_test_steep(const double *losses, size_t count);

#endif
