/*
 * Many normal numbers at a time; see random.h. The operations are those of cps_random_normal() in the same
 * order, and so the bits; written as loops over arrays that the compiler turns into vector code.
 */
#include "common/base/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/numeric.h"
#include "common/base/random_quantile.h"
#include "common/base/target.h"

enum { CHUNK = 64, LANES = 8 };

/* Philox4x32-10 of the indices first, first + 1, …, as uniform numbers. */
static inline __attribute__((always_inline)) void uniforms(uint64_t seed, uint32_t purpose, uint64_t first,
                                                           uint32_t count, double *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t low = UINT32_MAX;
        uint64_t index = first + i, c0 = index & low, c1 = index >> 32, c2 = purpose, c3 = 0;
        uint64_t k0 = seed & low, k1 = seed >> 32;
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * (uint32_t)c0, p1 = (uint64_t)0xCD9E8D57u * (uint32_t)c2;
            c0 = p1 >> 32 ^ c1 ^ k0;
            c2 = p0 >> 32 ^ c3 ^ k1;
            c1 = p1 & low;
            c3 = p0 & low;
            k0 = (k0 + 0x9E3779B9u) & low;
            k1 = (k1 + 0xBB67AE85u) & low;
        }
        /* The number as the mantissa of a double at 2^52, which is exact. */
        uint64_t bits = (c1 << 32 | c0) >> 12 | 0x4330000000000000u;
        double number;
        memcpy(&number, &bits, sizeof number);
        out[i] = (number - 0x1p52 + 0.5) * 0x1p-52;
    }
}

static inline __attribute__((always_inline)) double polynomial(const double c[8], double x)
{
    double sum = c[7];
#pragma GCC unroll 7
    for (int i = 6; i >= 0; i--)
        sum = sum * x + c[i];
    return sum;
}

/* The quantile of numbers in the middle; others get some number. */
static inline __attribute__((always_inline)) void middle_quantiles(const double *restrict p, uint32_t count,
                                                                   double *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        double q = p[i] - 0.5, r = 0.180625 - q * q;
        out[i] = q * polynomial(cps_quantile_a, r) / polynomial(cps_quantile_b, r);
    }
}

/* cps_ln(), of numbers below 1. */
static inline __attribute__((always_inline)) double ln(double x)
{
    const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    /* The exponent as the mantissa of a double at 2^52, which is exact. */
    uint64_t exponent = bits >> 52 | 0x4330000000000000u;
    double e, f;
    memcpy(&e, &exponent, sizeof e);
    bits = (bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u;
    memcpy(&f, &bits, sizeof f);
    bool large = f > 0x1.6a09e667f3bcdp+0;
    e = e - (0x1p52 + 1023.0) + (large ? 1.0 : 0.0);
    f = large ? f * 0.5 : f;
    double s = (f - 1.0) / (f + 1.0), z = s * s, sum = 1.0 / 21.0;
#pragma GCC unroll 10
    for (int i = 19; i >= 1; i -= 2)
        sum = sum * z + 1.0 / (double)i;
    return e * ln2_high + (e * ln2_low + 2.0 * s * sum);
}

/* The quantiles of numbers in the tails but not far out; others get some number. r[i] is the root of -ln. */
static inline __attribute__((always_inline)) void tail_quantiles(const double *restrict p, uint32_t count,
                                                                 double *restrict r, double *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        double q = p[i] - 0.5;
        r[i] = sqrt(-ln(q < 0 ? p[i] : 1.0 - p[i]));
        double x = polynomial(cps_quantile_c, r[i] - 1.6) / polynomial(cps_quantile_d, r[i] - 1.6);
        out[i] = q < 0 ? -x : x;
    }
}

/* The quantiles of the numbers in the tails, about a seventh of them. */
static inline __attribute__((always_inline)) void set_tails(const double *p, uint32_t n, double *out)
{
    double tail[CHUNK], r[CHUNK], quantile[CHUNK];
    uint32_t at[CHUNK], count = 0;
    for (uint32_t i = 0; i < n; i++) {
        tail[count] = p[i];
        at[count] = i;
        count += fabs(p[i] - 0.5) <= 0.425 ? 0u : 1u;
    }
    uint32_t padded = (count + LANES - 1) / LANES * LANES;
    for (uint32_t i = count; i < padded; i++)
        tail[i] = 0.01;
    tail_quantiles(tail, padded, r, quantile);
    for (uint32_t i = 0; i < count; i++)
        out[at[i]] = r[i] <= 5.0 ? quantile[i] : cps_normal_quantile(tail[i]);
}

static inline __attribute__((always_inline)) void normals(uint64_t seed, uint32_t purpose, uint64_t first,
                                                          uint32_t count, double *out)
{
    double p[CHUNK];
    uniforms(seed, purpose, first, count, p);
    middle_quantiles(p, count, out);
    set_tails(p, count, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void normals_avx2(uint64_t seed, uint32_t purpose, uint64_t first,
                                                         uint32_t count, double *out)
{
    normals(seed, purpose, first, count, out);
}

CPS_TARGET_AVX512 static void normals_avx512(uint64_t seed, uint32_t purpose, uint64_t first, uint32_t count,
                                             double *out)
{
    normals(seed, purpose, first, count, out);
}
#endif

static void normals_any(uint64_t seed, uint32_t purpose, uint64_t first, uint32_t count, double *out)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        normals_avx512(seed, purpose, first, count, out);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        normals_avx2(seed, purpose, first, count, out);
        return;
    }
#endif
    normals(seed, purpose, first, count, out);
}

void cps_random_normals(uint64_t seed, uint32_t purpose, uint64_t first, uint32_t count, double *out)
{
    for (uint32_t done = 0; done < count; done += CHUNK) {
        normals_any(seed, purpose, first + done, count - done < CHUNK ? count - done : CHUNK, out + done);
    }
}
