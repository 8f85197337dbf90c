/* The vector kernels for AVX2: 8 floats a vector. */
#include <string.h>

#include "common/model/block_kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define NAME "avx2"
#define WIDTH 8
typedef __m256 vec;
typedef int32_t vec_flags __attribute__((vector_size(32)));
typedef __m256d wide;
typedef int64_t words __attribute__((vector_size(32)));
typedef uint64_t bits __attribute__((vector_size(32)));
#define vec_load(p) _mm256_loadu_ps(p)
#define vec_store(p, x) _mm256_storeu_ps(p, x)
#define vec_set(x) _mm256_set1_ps(x)
#define vec_sqrt(x) _mm256_sqrt_ps(x)
#define vec_low(x) _mm256_cvtps_pd(_mm256_castps256_ps128(x))
#define vec_high(x) _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))
#define vec_join(low, high) _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low))
#define any_bit(x) (!_mm256_testz_si256((__m256i)(x), (__m256i)(x)))
#include "common/model/kernels_vector.h"

#include "common/model/block_kernels_vector.h"

const struct cps_kernels *cps_kernels_avx2(void)
{
    return &kernels;
}

const struct cps_block_kernels *cps_block_kernels_avx2(void)
{
    return &block_kernels;
}
#else
const struct cps_kernels *cps_kernels_avx2(void)
{
    return NULL;
}

const struct cps_block_kernels *cps_block_kernels_avx2(void)
{
    return NULL;
}
#endif
