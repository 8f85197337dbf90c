/*
 * A keyed bijection on 0..n-1 with an inverse, computed for each index independently: the shuffle of an
 * epoch and the train/validation split.
 *
 * A Feistel network over pairs (left, right), left < a, right < b, with a·b just above
 * n and sums modulo a and b in place of exclusive or, and cycle-walking back into the
 * range (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, the
 * generalized Feistel construction of section 5), which rarely takes more than one step. It is
 * a fair shuffle, not cryptography.
 */
#ifndef CPS_BASE_PERMUTATION_H
#define CPS_BASE_PERMUTATION_H

#include <stdint.h>

#define CPS_PERMUTATION_ROUNDS 6

struct cps_permutation {
    uint64_t n;
    uint32_t a, b;    /* at most 2^16 each */
    uint32_t inverse; /* floor((2^32 - 1) / b): x/b is x·inverse >> 32, or one more */
    uint32_t keys[CPS_PERMUTATION_ROUNDS];
};

/* Sets up the permutation of 0..n-1 for (seed, purpose, index); 1 <= n <= 2^32. */
void cps_permutation_init(struct cps_permutation *self, uint64_t seed, uint32_t purpose, uint64_t index,
                          uint64_t n);

/* The image of i, i < n. */
uint64_t cps_permutation_forward(const struct cps_permutation *self, uint64_t i);

/* Stores the images of in[0..count-1] in out. Vectorized by the compiler where the processor allows it, which
 * is many times faster than single calls. */
void cps_permutation_forward_all(const struct cps_permutation *self, const uint32_t *restrict in,
                                 uint64_t count, uint32_t *restrict out);

/* The index whose image is j, j < n. */
uint64_t cps_permutation_inverse(const struct cps_permutation *self, uint64_t j);

#endif
