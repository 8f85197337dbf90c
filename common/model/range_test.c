/* Rates of a range test and what its losses suggest; see range_test.h. */
#include "common/model/range_test.h"

#include "common/base/numeric.h"

/* 10^(8/100): from 1e-7 to 10 in a hundred steps. */
static const double FACTOR = 1.2022644346174129;
static const double FIRST_RATE = 1e-7;

enum { SKIPPED_FIRST = CPS_RANGE_TEST_STEPS / 10, SKIPPED_LAST = 5 };

double cps_range_test_rate(uint64_t step)
{
    return FIRST_RATE * cps_power(FACTOR, step);
}

uint32_t cps_range_test_steps(double decay)
{
    uint32_t steps = 0;
    while (steps < CPS_RANGE_TEST_STEPS && cps_range_test_rate(steps) * decay < 1)
        steps++;
    return steps;
}

size_t cps_range_test_window(size_t count, size_t *first)
{
    *first = SKIPPED_FIRST;
    return count > SKIPPED_FIRST + SKIPPED_LAST ? count - SKIPPED_FIRST - SKIPPED_LAST : 0;
}

/* length[i] is that of the longest falling subsequence that ends with i; counts are at most
 * CPS_RANGE_TEST_STEPS. Where the longest begins is told from its length when it first was the longest, as
 * fastai does. */
size_t cps_range_test_valley(const double *losses, size_t count)
{
    size_t length[CPS_RANGE_TEST_STEPS], last = 0, first_length = 0;
    length[0] = 1;
    for (size_t i = 1; i < count; i++) {
        length[i] = 1;
        for (size_t j = 0; j < i; j++) {
            if (losses[i] < losses[j] && length[i] < length[j] + 1)
                length[i] = length[j] + 1;
            if (length[last] < length[i]) {
                last = i;
                first_length = length[i];
            }
        }
    }
    size_t sections = first_length / 3; /* whole thirds; half a third, rounded down, follows */
    size_t place = last + sections + first_length / 6;
    return place > first_length ? place - first_length : 0;
}

size_t cps_range_test_steep(const double *losses, size_t count)
{
    size_t steepest = 0;
    for (size_t i = 1; i + 1 < count; i++)
        if (losses[i + 1] - losses[i] < losses[steepest + 1] - losses[steepest])
            steepest = i;
    return steepest;
}
