/*
 * Counter-based random numbers: a value is a pure function of (seed, purpose, index), so that any rank can
 * compute any value without sharing a stream.
 *
 * Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC'11, section 3.3; it passes BigCrush.
 */
#ifndef CPS_BASE_RANDOM_H
#define CPS_BASE_RANDOM_H

#include <stdint.h>

/* The uses of random numbers. The values decide the curve: never renumber them. */
enum cps_random_purpose {
    CPS_RANDOM_USER_INIT = 1,  /* index: row · 2^32 + column */
    CPS_RANDOM_MOVIE_INIT = 2, /* index: row · 2^32 + column */
    CPS_RANDOM_SPLIT = 3,
    CPS_RANDOM_SHUFFLE = 4, /* one permutation an epoch */
    CPS_RANDOM_BLOCKS = 5,  /* the permutations of users (0) and movies (1) */
    CPS_RANDOM_PENALTY = 6, /* which training ratings choose a penalty; index: user · 2^32 + movie */
    CPS_RANDOM_FACTOR = 7,  /* where a search for factors starts; index: table · 2^32 + row */
    CPS_RANDOM_SYNTH = 16,  /* to 31: the synthetic set */
    CPS_RANDOM_TEST = 64,   /* and above: tests and the simulator */
};

/* Four words for (seed, purpose, index). */
void cps_random_block(uint64_t seed, uint32_t purpose, uint64_t index, uint32_t out[4]);

/* 64 uniform bits. */
uint64_t cps_random_u64(uint64_t seed, uint32_t purpose, uint64_t index);

/* Uniform in (0, 1), never 0 or 1: the middle of one of 2^52 cells. */
double cps_random_uniform(uint64_t seed, uint32_t purpose, uint64_t index);

/* Standard normal by inversion (Wichura, AS 241, Applied Statistics 37, 1988). */
double cps_random_normal(uint64_t seed, uint32_t purpose, uint64_t index);

/* The normal numbers of the indices first .. first + count - 1, the same bits several times as fast. */
void cps_random_normals(uint64_t seed, uint32_t purpose, uint64_t first, uint32_t count, double *out);

#endif
