/* The elementary functions against the C library's in long double. */
#include <float.h>

#include "common/base/numeric.h"
#include "tests/unit/check.h"

/* |got - want| in units of the last place of want as a double. */
static double ulps(double got, long double want)
{
    int exponent;
    frexpl(want, &exponent);
    if (exponent < DBL_MIN_EXP)
        exponent = DBL_MIN_EXP;
    return (double)fabsl(((long double)got - want) / ldexpl(1.0L, exponent - DBL_MANT_DIG));
}

struct worst {
    double error, at;
};

static void worsen(struct worst *self, double error, double at)
{
    if (error > self->error)
        *self = (struct worst){.error = error, .at = at};
}

static void check_worst(const struct worst *self, double tolerance, const char *what)
{
    print_message("%s: worst error %.3g at %.17g, tolerance %.3g\n", what, self->error, self->at, tolerance);
    check_at_most(self->error, tolerance, "%s at %.17g", what, self->at);
}

static void logarithm(void **state)
{
    (void)state;
    struct worst all = {0}, near_one = {0};
    for (uint64_t i = 0; i < 300000; i++) {
        int exponent = (int)test_below(0, i, 2046) - 1022;
        double x = ldexp(1.0 + test_uniform(1, i), exponent);
        worsen(&all, ulps(cps_ln(x), logl((long double)x)), x);
    }
    for (uint64_t i = 0; i < 300000; i++) {
        double x = 1.0 + (test_uniform(2, i) - 0.5) * pow(2.0, -(double)(i % 50));
        if (x != 1.0)
            worsen(&near_one, ulps(cps_ln(x), logl((long double)x)), x);
    }
    check_worst(&all, 2.0, "ln, ulps over all normal numbers");
    /* Here the quotient's three roundings are all there is. */
    check_worst(&near_one, 3.0, "ln, ulps near 1");
    check_near(cps_ln(1.0), 0.0, 0.0, "ln 1");
    check_near(cps_ln(DBL_MIN), log(DBL_MIN), 2e-13, "ln of the least normal number");
    check_near(cps_ln(DBL_MAX), log(DBL_MAX), 2e-13, "ln of the largest number");
}

static void exponential(void **state)
{
    (void)state;
    struct worst all = {0}, small = {0};
    for (uint64_t i = 0; i < 300000; i++) {
        double x = -708.0 + 1417.0 * test_uniform(3, i);
        worsen(&all, ulps(cps_exp(x), expl((long double)x)), x);
        x = (test_uniform(4, i) - 0.5) * pow(2.0, 1.0 - (double)(i % 60));
        worsen(&small, ulps(cps_exp(x), expl((long double)x)), x);
    }
    check_worst(&all, 2.0, "exp, ulps over [-708, 709]");
    check_worst(&small, 2.0, "exp, ulps near 0");
}

static void exponential_at_its_ends(void **state)
{
    (void)state;
    check_near(cps_exp(0.0), 1.0, 0.0, "exp 0");
    check_near(cps_exp(-0.0), 1.0, 0.0, "exp -0");
    check_near(cps_exp(nextafter(-708.0, -1000.0)), 0.0, 0.0, "exp below -708");
    check_near(cps_exp(-INFINITY), 0.0, 0.0, "exp of -inf");
    assert_true(cps_exp(-708.0) > 0.0);
    assert_true(isfinite(cps_exp(709.0)));
    assert_true(isinf(cps_exp(nextafter(709.0, 1000.0))));
    assert_true(isinf(cps_exp(INFINITY)));
    assert_true(isnan(cps_exp(NAN)));
}

static void cosine_of_pi(void **state)
{
    (void)state;
    static const long double pi = 3.14159265358979323846264338327950288L;
    struct worst all = {0};
    for (uint64_t i = 0; i <= 300000; i++) {
        double x = i % 2 ? test_uniform(5, i) : (double)i / 300000.0;
        worsen(&all, (double)fabsl((long double)cps_cospi(x) - cosl(pi * (long double)x)), x);
    }
    check_worst(&all, 1e-15, "cospi, absolute");
    check_near(cps_cospi(0.5), 0.0, 0.0, "cospi 1/2");
    check_near(cps_cospi(0.0), 1.0, 1e-15, "cospi 0");
    check_near(cps_cospi(1.0), -1.0, 1e-15, "cospi 1");
    check_near(cps_cospi(1.0 / 3.0), 0.5, 1e-15, "cospi 1/3");
}

/* Every squaring doubles the relative error that is there and adds a rounding: after all
 * of them, and the products, at most about 2·exponent half-units. */
static void power(void **state)
{
    (void)state;
    static const uint64_t exponents[] = {0, 1, 2, 3, 7, 64, 100, 1000, 6250, 65537};
    double worst = 0.0;
    for (uint64_t i = 0; i < 2000; i++)
        for (size_t e = 0; e < COUNT_OF(exponents); e++) {
            double base = 0.85 + 0.15 * test_uniform(6, i);
            long double want = powl((long double)base, (long double)exponents[e]);
            if (want < DBL_MIN)
                continue;
            double bound = (2.0 * (double)exponents[e] + 1.0) * 0x1p-53;
            double error = (double)fabsl((long double)cps_power(base, exponents[e]) / want - 1.0L);
            worst = fmax(worst, error / bound);
        }
    check_at_most(worst, 1.0, "error of power as a share of its bound");
}

static void power_at_its_ends(void **state)
{
    (void)state;
    static const struct {
        double base;
        uint64_t exponent;
        double want;
    } cases[] = {
        {0.5, 0, 1.0},          {0.0, 0, 1.0},           {0.0, 5, 0.0},         {2.0, 1023, 0x1p1023},
        {0.5, 1074, 0x1p-1074}, {0.5, 1076, 0.0},        {-2.0, 3, -8.0},       {1.0, UINT64_MAX, 1.0},
        {0.9, 1000000, 0.0},    {3.0, 20, 3486784401.0}, {2.0, 1024, INFINITY},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double got = cps_power(cases[i].base, cases[i].exponent);
        if (got != cases[i].want)
            fail_msg("%g to the %lu: got %.17g, want %.17g", cases[i].base, (unsigned long)cases[i].exponent,
                     got, cases[i].want);
    }
}

static void polynomial(void **state)
{
    (void)state;
    static const double c[] = {3.0, -2.0, 0.5, 4.0};
    check_near(cps_polynomial(c, 1, 7.0), 3.0, 0.0, "constant");
    check_near(cps_polynomial(c, 2, 7.0), -11.0, 0.0, "line");
    check_near(cps_polynomial(c, 4, 2.0), 33.0, 0.0, "cubic");
    check_near(cps_polynomial(c, 4, 0.0), 3.0, 0.0, "cubic at 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithm),
        cmocka_unit_test(exponential),
        cmocka_unit_test(exponential_at_its_ends),
        cmocka_unit_test(cosine_of_pi),
        cmocka_unit_test(power),
        cmocka_unit_test(power_at_its_ends),
        cmocka_unit_test(polynomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
