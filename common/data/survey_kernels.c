/* See survey_kernels.h. Each loop is compiled three times; all give the same results. */
#include "common/data/survey_kernels.h"

#include <string.h>

#include "common/base/target.h"
#include "common/data/notes.h"

#define INLINE static inline __attribute__((always_inline))

INLINE bool unpack(const struct cps_prepared *set, const uint64_t *restrict words, uint32_t count,
                   uint32_t *restrict places)
{
    const uint32_t value_bits = set->value_bits, shift = set->movie_bits + value_bits;
    const uint32_t movie_mask = (uint32_t)(((uint64_t)1 << set->movie_bits) - 1);
    const uint32_t value_mask = (uint32_t)(((uint64_t)1 << value_bits) - 1);
    /* A place of no bits is 0: it must not be shifted by 64. */
    const uint32_t place_shift = shift < 64 ? shift : 63, place_mask = shift < 64 ? UINT32_MAX : 0;
    uint32_t movie_most = 0, place_most = 0, value_most = 0, beyond = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = words[i], place = word >> place_shift;
        uint32_t movie = (uint32_t)(word >> value_bits) & movie_mask, value = (uint32_t)word & value_mask;
        uint32_t low = (uint32_t)place & place_mask;
        beyond |= (uint32_t)(place >> 32);
        movie_most = movie > movie_most ? movie : movie_most;
        value_most = value > value_most ? value : value_most;
        place_most = low > place_most ? low : place_most;
        places[i] = low;
    }
    return beyond == 0 && movie_most < set->movies.rows && place_most < set->facts.rating_count &&
           (!set->values || value_most < set->value_count);
}

/* Eight bytes of 0 or 1 become eight bits by one multiplication. */
INLINE void split(const uint32_t *restrict positions, uint32_t count, uint32_t below, uint64_t *restrict bits)
{
    for (uint32_t first = 0; first < count; first += 64) {
        uint8_t flags[64] = {0};
        uint32_t n = count - first < 64 ? count - first : 64;
        uint64_t word = 0;
        if (n == 64)
            for (uint32_t k = 0; k < 64; k++)
                flags[k] = positions[first + k] < below;
        for (uint32_t k = 0; n < 64 && k < n; k++)
            flags[k] = positions[first + k] < below;
        for (uint32_t k = 0; k < 8; k++) {
            uint64_t eight = 0;
            for (uint32_t b = 0; b < 8; b++)
                eight |= (uint64_t)flags[8 * k + b] << 8 * b;
            word |= (eight * 0x0102040810204080u >> 56) << 8 * k;
        }
        bits[first / 64] = word;
    }
}

INLINE void choose(const struct cps_prepared *set, uint32_t user, const uint64_t *restrict words,
                   uint32_t count, uint64_t share, uint8_t *restrict chosen)
{
    const uint32_t value_bits = set->value_bits;
    const uint64_t movie_mask = ((uint64_t)1 << set->movie_bits) - 1;
    for (uint32_t i = 0; i < count; i++)
        chosen[i] = cps_notes_compares(user, (uint32_t)(words[i] >> value_bits & movie_mask), share);
}

/* ---- the three builds ---- */

#define BUILD(name, attributes)                                                                                \
    attributes static bool unpack_##name(const struct cps_prepared *set, const uint64_t *words,                \
                                         uint32_t count, uint32_t *places)                                     \
    {                                                                                                          \
        return unpack(set, words, count, places);                                                              \
    }                                                                                                          \
    attributes static void split_##name(const uint32_t *positions, uint32_t count, uint32_t below,             \
                                        uint64_t *bits)                                                        \
    {                                                                                                          \
        split(positions, count, below, bits);                                                                  \
    }                                                                                                          \
    attributes static void choose_##name(const struct cps_prepared *set, uint32_t user, const uint64_t *words, \
                                         uint32_t count, uint64_t share, uint8_t *chosen)                      \
    {                                                                                                          \
        choose(set, user, words, count, share, chosen);                                                        \
    }

BUILD(any, )

#if defined(__x86_64__)
BUILD(avx2, __attribute__((target("avx2"))))
BUILD(avx512, CPS_TARGET_AVX512)

#define CALL(function, ...)                                                                                    \
    do {                                                                                                       \
        __builtin_cpu_init();                                                                                  \
        if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&                        \
            __builtin_cpu_supports("avx512vl"))                                                                \
            return function##_avx512(__VA_ARGS__);                                                             \
        if (__builtin_cpu_supports("avx2"))                                                                    \
            return function##_avx2(__VA_ARGS__);                                                               \
        return function##_any(__VA_ARGS__);                                                                    \
    } while (0)
#else
#define CALL(function, ...) return function##_any(__VA_ARGS__)
#endif

bool cps_survey_unpack(const struct cps_prepared *set, const uint64_t *words, uint32_t count, uint32_t *places)
{
    CALL(unpack, set, words, count, places);
}

void cps_survey_split(const uint32_t *positions, uint32_t count, uint32_t below, uint64_t *bits)
{
    CALL(split, positions, count, below, bits);
}

void cps_survey_choose(const struct cps_prepared *set, uint32_t user, const uint64_t *words, uint32_t count,
                       uint64_t share, uint8_t *chosen)
{
    CALL(choose, set, user, words, count, share, chosen);
}
