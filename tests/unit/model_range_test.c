/* The rates of a range test, and what losses suggest. */
#include "common/model/range_test.h"

#include "check.h"

static void rates_grow_to_ten(void **state)
{
    (void)state;
    check_near(cps_range_test_rate(0), 1e-7, 0, "first rate");
    check_near(cps_range_test_rate(50), 1e-3, 1e-15, "middle rate");
    check_near(cps_range_test_rate(100), 10, 1e-11, "last rate");
    check_int(cps_range_test_steps(0), 100, "steps without decay");
    check_int(cps_range_test_steps(0.1), 100, "steps under the notebook's decay");
    check_int(cps_range_test_steps(1.0001), 88, "steps up to 1 / 1.0001");
}

static void ends_are_left_out(void **state)
{
    (void)state;
    size_t first;
    check_int(cps_range_test_window(100, &first), 85, "steps of 100");
    check_int(first, 10, "first");
    check_int(cps_range_test_window(15, &first), 0, "steps of 15");
    check_int(cps_range_test_window(16, &first), 1, "steps of 16");
}

/* As valley() of fastai.callback.schedule returns them. */
static void the_valley_is_fastais(void **state)
{
    (void)state;
    static const struct {
        double losses[12];
        size_t count, at;
    } cases[] = {
        {{9, 8, 7, 6, 5, 4, 3, 2, 1}, 9, 3},
        {{1, 2, 3, 4}, 4, 0},
        {{5, 9, 8, 4, 7, 6, 3, 2, 8, 9, 10, 11}, 12, 4},
        {{3}, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_int(cps_range_test_valley(cases[i].losses, cases[i].count), cases[i].at, "case %zu", i);
}

static void the_steepest_step_is_the_first_of_equals(void **state)
{
    (void)state;
    static const double losses[] = {5, 4, 4.5, 2.5, 0.5, 0.5};
    check_int(cps_range_test_steep(losses, 6), 2, "steepest");
    check_int(cps_range_test_steep(losses, 2), 0, "of one");
}

/* A dip of one step, however deep, is noise; the bottom of a valley is not. */
static void the_minimum_is_that_of_a_valley(void **state)
{
    (void)state;
    double losses[60];
    for (int i = 0; i < 60; i++)
        losses[i] = 1 + 0.001 * (i - 40) * (i - 40) + 0.2 * (i % 2);
    losses[20] = 0.5;
    check_int(cps_range_test_minimum(losses, 60, 10, 45), 40, "bottom");
    check_int(cps_range_test_minimum(losses, 60, 10, 1), 10, "of one");
    check_int(cps_range_test_minimum(losses, 60, 50, 10), 50, "behind it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_grow_to_ten),
        cmocka_unit_test(ends_are_left_out),
        cmocka_unit_test(the_valley_is_fastais),
        cmocka_unit_test(the_steepest_step_is_the_first_of_equals),
        cmocka_unit_test(the_minimum_is_that_of_a_valley),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
