/*
 * Elementary functions built from IEEE operations alone, so that every machine gives the same bits. Those of
 * the C library may differ in the last bit between versions and processors.
 */
#ifndef CPS_BASE_NUMERIC_H
#define CPS_BASE_NUMERIC_H

#include <stdint.h>

/* c[0] + c[1]·x + … + c[count-1]·x^(count-1), by Horner's rule. */
double cps_polynomial(const double *c, int count, double x);

/* Natural logarithm of x > 0, normal; within 3 ulp. */
double cps_ln(double x);

/* Exponential; 0 below -708, +inf above 709; within 2 ulp. */
double cps_exp(double x);

/* cos(pi · x) for 0 <= x <= 1; absolute error below 1e-15. */
double cps_cospi(double x);

/* base^exponent by repeated squaring. */
double cps_power(double base, uint64_t exponent);

#endif
