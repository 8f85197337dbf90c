/* Elementary functions from IEEE operations; see numeric.h. */
#include "common/base/numeric.h"

#include <math.h>
#include <string.h>

double cps_polynomial(const double *c, int count, double x)
{
    double sum = c[count - 1];
    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* x = 2^e · f with f in [sqrt(1/2), sqrt(2)); ln f = 2·atanh((f-1)/(f+1)) by its series. */
double cps_ln(double x)
{
    static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    double f;
    memcpy(&f, &bits, sizeof f);
    if (f > 0x1.6a09e667f3bcdp+0) {
        f *= 0.5;
        exponent++;
    }
    double s = (f - 1.0) / (f + 1.0), z = s * s;
    static const double c[11] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0, 1.0 / 11.0,
                                 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0};
    double e = (double)exponent;
    return e * ln2_high + (e * ln2_low + 2.0 * s * cps_polynomial(c, 11, z));
}

/* x = k·ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor series. */
double cps_exp(double x)
{
    static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    static const double c[14] = {1.0,
                                 1.0,
                                 1.0 / 2,
                                 1.0 / 6,
                                 1.0 / 24,
                                 1.0 / 120,
                                 1.0 / 720,
                                 1.0 / 5040,
                                 1.0 / 40320,
                                 1.0 / 362880,
                                 1.0 / 3628800,
                                 1.0 / 39916800,
                                 1.0 / 479001600,
                                 1.0 / 6227020800.0};
    if (isnan(x))
        return x;
    if (x < -708.0)
        return 0.0;
    if (x > 709.0)
        return INFINITY;
    double k = (x * 0x1.71547652b82fep+0 + 0x1.8p52) - 0x1.8p52;
    double r = (x - k * ln2_high) - k * ln2_low;
    uint64_t bits = (uint64_t)((int64_t)k + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return cps_polynomial(c, 14, r) * scale;
}

/* cos(pi·x) = sin(pi·(1/2 - x)), and sin by its Taylor series on [-pi/2, pi/2]. */
double cps_cospi(double x)
{
    static const double pi = 0x1.921fb54442d18p+1;
    static const double c[12] = {1.0,
                                 -1.0 / 6,
                                 1.0 / 120,
                                 -1.0 / 5040,
                                 1.0 / 362880,
                                 -1.0 / 39916800,
                                 1.0 / 6227020800.0,
                                 -1.0 / 1307674368000.0,
                                 1.0 / 355687428096000.0,
                                 -1.0 / 121645100408832000.0,
                                 1.0 / 51090942171709440000.0,
                                 -1.0 / 25852016738884976640000.0};
    double y = pi * (0.5 - x);
    return y * cps_polynomial(c, 12, y * y);
}

double cps_power(double base, uint64_t exponent)
{
    double result = 1.0;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1)
            result *= base;
        base *= base;
    }
    return result;
}
