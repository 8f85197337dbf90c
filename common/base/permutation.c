/* The Feistel permutation; see permutation.h. */
#include "common/base/permutation.h"

#include "common/base/random.h"

/* A round's function of one half: the finaliser of MurmurHash3 over half ^ key,
 * from which the low bits are taken. */
static inline uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    return x;
}

void cps_permutation_init(struct cps_permutation *self, uint64_t seed, uint32_t purpose, uint64_t index,
                          uint64_t n)
{
    uint32_t half_bits = 1;
    while (((uint64_t)1 << (2 * half_bits)) < n)
        half_bits++;
    *self = (struct cps_permutation){.n = n, .half_bits = half_bits, .half_mask = ((uint32_t)1 << half_bits) - 1};
    for (uint32_t r = 0; r < CPS_PERMUTATION_ROUNDS; r++) {
        uint32_t words[4];
        cps_random_block(seed, purpose, index << 8 | r, words);
        self->keys[r] = words[0];
    }
}

static inline uint64_t encrypt(const struct cps_permutation *self, uint64_t x)
{
    uint32_t left = (uint32_t)(x >> self->half_bits), right = (uint32_t)x & self->half_mask;
    for (int r = 0; r < CPS_PERMUTATION_ROUNDS; r++) {
        uint32_t next = left ^ (mix(right ^ self->keys[r]) & self->half_mask);
        left = right;
        right = next;
    }
    return (uint64_t)left << self->half_bits | right;
}

static inline uint64_t decrypt(const struct cps_permutation *self, uint64_t x)
{
    uint32_t left = (uint32_t)(x >> self->half_bits), right = (uint32_t)x & self->half_mask;
    for (int r = CPS_PERMUTATION_ROUNDS - 1; r >= 0; r--) {
        uint32_t before = right ^ (mix(left ^ self->keys[r]) & self->half_mask);
        right = left;
        left = before;
    }
    return (uint64_t)left << self->half_bits | right;
}

uint64_t cps_permutation_forward(const struct cps_permutation *self, uint64_t i)
{
    do
        i = encrypt(self, i);
    while (i >= self->n);
    return i;
}

uint64_t cps_permutation_inverse(const struct cps_permutation *self, uint64_t j)
{
    do
        j = decrypt(self, j);
    while (j >= self->n);
    return j;
}
