/* Builds of a function for an instruction set that the processor may lack. */
#ifndef CPS_BASE_TARGET_H
#define CPS_BASE_TARGET_H

/* AVX-512 in registers of their full width, which gcc does not use unless told to, and clang does not know the
 * word for. */
#ifdef __clang__
#define CPS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define CPS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")))
#endif

#endif
