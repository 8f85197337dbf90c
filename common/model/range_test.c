/* Rates of a range test and what its losses suggest; see range_test.h. */
#include "common/model/range_test.h"

#include "common/base/numeric.h"

/* 10^(8/100): from 1e-7 to 10 in a hundred steps. */
static const double FACTOR = 1.2022644346174129;
static const double FIRST_RATE = 1e-7;

enum { SKIPPED_FIRST = CPS_RANGE_TEST_STEPS / 10, SKIPPED_LAST = 5, WINDOW = 11 };

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

static double average_around(const double *losses, size_t steps, size_t step)
{
    size_t from = step > WINDOW ? step - WINDOW : 0, to = step + WINDOW < steps ? step + WINDOW : steps - 1;
    double sum = 0, weights = 0;
    for (size_t i = from; i <= to; i++) {
        double weight = 1 + cps_cospi(((double)i - (double)step) / WINDOW);
        sum += weight * losses[i];
        weights += weight;
    }
    return sum / weights;
}

size_t cps_range_test_minimum(const double *losses, size_t steps, size_t first, size_t count)
{
    size_t lowest = first;
    for (size_t i = first + 1; i < first + count; i++)
        if (average_around(losses, steps, i) < average_around(losses, steps, lowest))
            lowest = i;
    return lowest;
}

size_t cps_range_test_steep(const double *losses, size_t count)
{
    size_t steepest = 0;
    for (size_t i = 1; i + 1 < count; i++)
        if (losses[i + 1] - losses[i] < losses[steepest + 1] - losses[steepest])
            steepest = i;
    return steepest;
}
