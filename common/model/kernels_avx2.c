/* The vector kernels for AVX2: 8 floats a vector. */
#include <string.h>

#include "common/model/kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>

#define NAME "avx2"
#define WIDTH 8
typedef __m256 vec;
typedef int32_t vec_flags __attribute__((vector_size(32)));
typedef __m256d wide;
typedef int64_t words __attribute__((vector_size(32)));
#define vec_load(p) _mm256_loadu_ps(p)
#define vec_store(p, x) _mm256_storeu_ps(p, x)
#define vec_set(x) _mm256_set1_ps(x)
#define vec_sqrt(x) _mm256_sqrt_ps(x)
#define wide_from(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define wide_to(p, x) _mm_storeu_ps(p, _mm256_cvtpd_ps(x))
#include "common/model/kernels_vector.h"

const struct cps_kernels *cps_kernels_avx2(void)
{
    return &kernels;
}
#else
const struct cps_kernels *cps_kernels_avx2(void)
{
    return NULL;
}
#endif
