/* The vector kernels for AVX-512 (F, DQ, VL): 16 floats a vector. */
#include <string.h>

#include "common/model/block_kernels.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>

#define NAME "avx512"
#define WIDTH 16
typedef __m512 vec;
typedef int32_t vec_flags __attribute__((vector_size(64)));
typedef __m512d wide;
typedef int64_t words __attribute__((vector_size(64)));
typedef uint64_t bits __attribute__((vector_size(64)));
#define vec_load(p) _mm512_loadu_ps(p)
#define vec_store(p, x) _mm512_storeu_ps(p, x)
#define vec_set(x) _mm512_set1_ps(x)
#define vec_sqrt(x) _mm512_sqrt_ps(x)
#define vec_low(x) _mm512_cvtps_pd(_mm512_castps512_ps256(x))
#define vec_high(x) _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))
#define vec_join(low, high)                                                                                    \
    _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1)
#define any_bit(x) (_mm512_test_epi64_mask((__m512i)(x), (__m512i)(x)) != 0)
#include "common/model/kernels_vector.h"

#include "common/model/block_kernels_vector.h"

const struct cps_kernels *cps_kernels_avx512(void)
{
    return &kernels;
}

const struct cps_block_kernels *cps_block_kernels_avx512(void)
{
    return &block_kernels;
}
#else
const struct cps_kernels *cps_kernels_avx512(void)
{
    return NULL;
}

const struct cps_block_kernels *cps_block_kernels_avx512(void)
{
    return NULL;
}
#endif
