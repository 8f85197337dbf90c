/* The Feistel permutation; see permutation.h. */
#include "common/base/permutation.h"

#include <stdbool.h>

#include "common/base/random.h"
#include "common/base/target.h"

/* The finaliser of MurmurHash3: every bit of the result depends on every bit of x. */
static inline uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    return x;
}

/* The round function: uniform in 0..range-1. */
static inline uint32_t round_value(uint32_t half, uint32_t key, uint32_t range)
{
    return (uint32_t)((uint64_t)mix(half ^ key) * range >> 32);
}

void cps_permutation_init(struct cps_permutation *self, uint64_t seed, uint32_t purpose, uint64_t index,
                          uint64_t n)
{
    uint32_t a = 1;
    while ((uint64_t)a * a < n)
        a++;
    *self = (struct cps_permutation){.n = n, .a = a, .b = (uint32_t)((n + a - 1) / a)};
    self->inverse = UINT32_MAX / self->b;
    for (uint32_t r = 0; r < CPS_PERMUTATION_ROUNDS; r++) {
        uint32_t words[4];
        cps_random_block(seed, purpose, index << 8 | r, words);
        self->keys[r] = words[0];
    }
}

static inline uint32_t add_modulo(uint32_t x, uint32_t y, uint32_t modulus)
{
    uint32_t sum = x + y;
    return sum >= modulus ? sum - modulus : sum;
}

static inline uint64_t encrypt(const struct cps_permutation *self, uint64_t x)
{
    uint32_t left = (uint32_t)(x / self->b), right = (uint32_t)(x % self->b);
    for (int r = 0; r < CPS_PERMUTATION_ROUNDS; r += 2) {
        left = add_modulo(left, round_value(right, self->keys[r], self->a), self->a);
        right = add_modulo(right, round_value(left, self->keys[r + 1], self->b), self->b);
    }
    return (uint64_t)left * self->b + right;
}

static inline uint64_t decrypt(const struct cps_permutation *self, uint64_t x)
{
    uint32_t left = (uint32_t)(x / self->b), right = (uint32_t)(x % self->b);
    for (int r = CPS_PERMUTATION_ROUNDS - 2; r >= 0; r -= 2) {
        right = add_modulo(right, self->b - round_value(left, self->keys[r + 1], self->b), self->b);
        left = add_modulo(left, self->a - round_value(right, self->keys[r], self->a), self->a);
    }
    return (uint64_t)left * self->b + right;
}

uint64_t cps_permutation_forward(const struct cps_permutation *self, uint64_t i)
{
    do
        i = encrypt(self, i);
    while (i >= self->n);
    return i;
}

/* One pass of the network over count indices, without cycle-walking back into the range. Returns the greatest
 * image. */
static inline __attribute__((always_inline)) uint32_t encrypt_all(const struct cps_permutation *self,
                                                                  const uint32_t *restrict in, uint64_t count,
                                                                  uint32_t *restrict out)
{
    const struct cps_permutation p = *self;
    uint32_t most = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t left = (uint32_t)((uint64_t)in[i] * p.inverse >> 32), right = in[i] - left * p.b;
        uint32_t over = right >= p.b; /* the quotient was one short */
        left += over;
        right -= over * p.b;
        for (int r = 0; r < CPS_PERMUTATION_ROUNDS; r += 2) {
            left = add_modulo(left, round_value(right, p.keys[r], p.a), p.a);
            right = add_modulo(right, round_value(left, p.keys[r + 1], p.b), p.b);
        }
        uint32_t image = left * p.b + right;
        most = image > most ? image : most;
        out[i] = image;
    }
    return most;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint32_t encrypt_all_avx2(const struct cps_permutation *self,
                                                                 const uint32_t *restrict in, uint64_t count,
                                                                 uint32_t *restrict out)
{
    return encrypt_all(self, in, count, out);
}

CPS_TARGET_AVX512 static uint32_t encrypt_all_avx512(const struct cps_permutation *self,
                                                     const uint32_t *restrict in, uint64_t count,
                                                     uint32_t *restrict out)
{
    return encrypt_all(self, in, count, out);
}
#endif

/* One pass in the widest vector code that the processor supports. */
static uint32_t encrypt_fast(const struct cps_permutation *self, const uint32_t *restrict in, uint64_t count,
                             uint32_t *restrict out)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return encrypt_all_avx512(self, in, count, out);
    if (__builtin_cpu_supports("avx2"))
        return encrypt_all_avx2(self, in, count, out);
#endif
    return encrypt_all(self, in, count, out);
}

void cps_permutation_forward_all(const struct cps_permutation *self, const uint32_t *restrict in,
                                 uint64_t count, uint32_t *restrict out)
{
    bool narrow = (uint64_t)self->a * self->b <= UINT32_MAX; /* all indices fit 32 bits */
    if (narrow && encrypt_fast(self, in, count, out) < self->n)
        return;
    for (uint64_t i = 0; i < count; i++)
        if (!narrow || out[i] >= self->n)
            out[i] = (uint32_t)cps_permutation_forward(self, narrow ? out[i] : in[i]);
}

uint64_t cps_permutation_inverse(const struct cps_permutation *self, uint64_t j)
{
    do
        j = decrypt(self, j);
    while (j >= self->n);
    return j;
}
