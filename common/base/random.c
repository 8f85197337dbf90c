/* Philox4x32-10 and the distributions on top of it; see random.h. */
#include "common/base/random.h"

#include <math.h>

#include "common/base/numeric.h"
#include "common/base/random_quantile.h"

void cps_random_block(uint64_t seed, uint32_t purpose, uint64_t index, uint32_t out[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = purpose, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint64_t cps_random_u64(uint64_t seed, uint32_t purpose, uint64_t index)
{
    uint32_t words[4];
    cps_random_block(seed, purpose, index, words);
    return (uint64_t)words[1] << 32 | words[0];
}

double cps_random_uniform(uint64_t seed, uint32_t purpose, uint64_t index)
{
    /* Symmetric about 1/2, without the end points. */
    return ((double)(cps_random_u64(seed, purpose, index) >> 12) + 0.5) * 0x1p-52;
}

const double cps_quantile_a[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                  1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                  3.3430575583588128105e+4, 2.5090809287301226727e+3};
const double cps_quantile_b[8] = {1.0,
                                  4.2313330701600911252e+1,
                                  6.8718700749205790830e+2,
                                  5.3941960214247511077e+3,
                                  2.1213794301586595867e+4,
                                  3.9307895800092710610e+4,
                                  2.8729085735721942674e+4,
                                  5.2264952788528545610e+3};
const double cps_quantile_c[8] = {
    1.42343711074968357734e0, 4.63033784615654529590e0,  5.76949722146069140550e0,  3.64784832476320460504e0,
    1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
const double cps_quantile_d[8] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
const double cps_quantile_e[8] = {
    6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,  2.96560571828504891230e-1,
    2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
const double cps_quantile_f[8] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};

double cps_normal_quantile(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * cps_polynomial(cps_quantile_a, 8, r) / cps_polynomial(cps_quantile_b, 8, r);
    }
    double r = sqrt(-cps_ln(q < 0 ? p : 1.0 - p));
    double x = r <= 5.0
                   ? cps_polynomial(cps_quantile_c, 8, r - 1.6) / cps_polynomial(cps_quantile_d, 8, r - 1.6)
                   : cps_polynomial(cps_quantile_e, 8, r - 5.0) / cps_polynomial(cps_quantile_f, 8, r - 5.0);
    return q < 0 ? -x : x;
}

double cps_random_normal(uint64_t seed, uint32_t purpose, uint64_t index)
{
    return cps_normal_quantile(cps_random_uniform(seed, purpose, index));
}
