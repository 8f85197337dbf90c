/*
 * Stops compilation where the compiler may change the bits of float arithmetic. CMakeLists.txt includes
 * this in front of every file: otherwise such a build would silently train another curve.
 */
#ifndef CPS_BASE_IEEE_H
#define CPS_BASE_IEEE_H

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) ||                 \
    defined(__NO_SIGNED_ZEROS__) || __FINITE_MATH_ONLY__
#error "loss curves need IEEE arithmetic: build without -ffast-math, -Ofast and their parts"
#endif

#if __FLT_EVAL_METHOD__ != 0
#error                                                                                                         \
    "loss curves need float arithmetic in float: build without -mfpmath=387, on 32-bit x86 with -msse2 -mfpmath=sse"
#endif

_Static_assert(sizeof(1.0) == sizeof(double), "build without -fsingle-precision-constant");

#endif
