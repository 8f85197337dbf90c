/* Builds of a function for an instruction set that the processor may lack. */
#ifndef CPS_BASE_TARGET_H
#define CPS_BASE_TARGET_H

/* AVX-512 with vectors of 512 bits. By default gcc uses only 256 of them; clang rejects the attribute that asks
 * for all. */
#ifdef __clang__
#define CPS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define CPS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif

#endif
