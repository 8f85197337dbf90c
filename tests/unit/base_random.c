/* Philox against its published answers, the distributions, and the permutation. */
#include "common/base/permutation.h"
#include "common/base/random.h"
#include "tests/unit/check.h"

/* Philox4x32-10 written down from the paper, with the whole 128-bit counter. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k[1], (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

static void check_words(const uint32_t got[4], const uint32_t want[4])
{
    for (int i = 0; i < 4; i++)
        if (got[i] != want[i])
            fail_msg("word %d: got %08x, want %08x", i, got[i], want[i]);
}

/* The philox4x32-10 lines of Random123's kat_vectors. */
static const struct {
    uint32_t counter[4], key[2], want[4];
} known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void blocks_are_philox(void **state)
{
    (void)state;
    uint32_t got[4], want[4];
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        philox(known[i].counter, known[i].key, got);
        check_words(got, known[i].want);
    }
    cps_random_block(0, 0, 0, got);
    check_words(got, known[0].want);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t seed = i * 0x9E3779B97F4A7C15u, index = ~i * 0xD1342543DE82EF95u;
        uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)i, 0};
        uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
        philox(counter, key, want);
        cps_random_block(seed, (uint32_t)i, index, got);
        check_words(got, want);
    }
}

/* The purposes are part of the promise, as are the bits of what is drawn for them. */
static void purposes_keep_their_numbers(void **state)
{
    (void)state;
    check_int(CPS_RANDOM_USER_INIT, 1, "user init");
    check_int(CPS_RANDOM_MOVIE_INIT, 2, "movie init");
    check_int(CPS_RANDOM_SPLIT, 3, "split");
    check_int(CPS_RANDOM_SHUFFLE, 4, "shuffle");
    check_int(CPS_RANDOM_SYNTH, 16, "synth");
    static const struct {
        uint64_t seed;
        uint32_t purpose;
        uint64_t index, word;
        double uniform;
    } drawn[] = {{42u, 1, 0u, 0x2051e91302933769u, 0x1.028f48981499cp-3},
                 {42u, 2, 7u, 0xfb065269544d06b6u, 0x1.f60ca4d2a89a1p-1},
                 {42u, 3, 123456789u, 0x46e2bef7e6dd9017u, 0x1.1b8afbdf9b766p-2},
                 {18446744073709551615u, 4, 1099511627781u, 0xbb9c7efc0de7a8c3u, 0x1.7738fdf81bcf5p-1},
                 {0u, 16, 1u, 0xc419795bf3c60465u, 0x1.8832f2b7e78c1p-1}};
    for (size_t i = 0; i < COUNT_OF(drawn); i++) {
        assert_true(cps_random_u64(drawn[i].seed, drawn[i].purpose, drawn[i].index) == drawn[i].word);
        check_near(cps_random_uniform(drawn[i].seed, drawn[i].purpose, drawn[i].index), drawn[i].uniform, 0.0,
                   "uniform %zu", i);
    }
}

static void uniform_is_a_cell_of_u64(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    double sum = 0.0, square = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = cps_random_uniform(5, CPS_RANDOM_TEST, i);
        double cell = (double)(cps_random_u64(5, CPS_RANDOM_TEST, i) >> 12);
        assert_true(u > 0.0 && u < 1.0);
        check_near(u, ldexp(cell + 0.5, -52), 0.0, "draw %lu", (unsigned long)i);
        sum += u;
        square += (u - 0.5) * (u - 0.5);
    }
    check_near(sum / DRAWS, 0.5, 5.0 * sqrt(1.0 / 12 / DRAWS), "mean of uniform");
    check_near(square / DRAWS, 1.0 / 12, 5.0 * sqrt(1.0 / 180 / DRAWS), "variance of uniform");
}

static void normal_has_the_moments(void **state)
{
    (void)state;
    enum { DRAWS = 400000 };
    double moment[5] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        double x = cps_random_normal(9, CPS_RANDOM_TEST, i), power = x;
        for (int p = 1; p <= 4; p++, power *= x)
            moment[p] += power / DRAWS;
    }
    /* Standard errors from the moments of twice the order: 1, 2, 15, 96 over n. */
    check_near(moment[1], 0.0, 5.0 * sqrt(1.0 / DRAWS), "mean");
    check_near(moment[2], 1.0, 5.0 * sqrt(2.0 / DRAWS), "variance");
    check_near(moment[3], 0.0, 5.0 * sqrt(15.0 / DRAWS), "third moment");
    check_near(moment[4], 3.0, 5.0 * sqrt(96.0 / DRAWS), "fourth moment");
}

/* Inversion: the distribution function leads back to the uniform number. */
static void normal_is_the_quantile_of_uniform(void **state)
{
    (void)state;
    double worst = 0.0;
    for (uint64_t i = 0; i < 200000; i++) {
        double u = cps_random_uniform(3, CPS_RANDOM_TEST, i), x = cps_random_normal(3, CPS_RANDOM_TEST, i);
        double tail = u < 0.5 ? u : 1.0 - u, back = 0.5 * erfc(fabs(x) / sqrt(2.0));
        assert_true((u < 0.5) == (x < 0.0));
        /* The tail moves by x² + 1 times the relative error of x. */
        worst = fmax(worst, fabs(back - tail) / tail / (x * x + 1.0));
    }
    check_at_most(worst, 2e-15, "relative error of the quantile");
}

/* The same bits from any index on, and in any number. */
static void normals_are_the_normal_numbers(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 3, 63, 64, 65, 1000};
    uint64_t at = UINT32_MAX - 5000u; /* the upper half of the index changes on the way */
    for (uint32_t round = 0; round < 100; round++) {
        double many[1000];
        uint32_t count = counts[round % COUNT_OF(counts)];
        cps_random_normals(7 + round * 0x123456789u, CPS_RANDOM_TEST, at, count, many);
        for (uint32_t i = 0; i < count; i++) {
            double one = cps_random_normal(7 + round * 0x123456789u, CPS_RANDOM_TEST, at + i);
            assert_memory_equal(&one, &many[i], sizeof one);
        }
        at += count;
    }
}

static void check_bijection(const struct cps_permutation *permutation, bool *seen)
{
    memset(seen, 0, permutation->n);
    for (uint64_t i = 0; i < permutation->n; i++) {
        uint64_t j = cps_permutation_forward(permutation, i);
        assert_true(j < permutation->n);
        assert_false(seen[j]);
        seen[j] = true;
        check_int(cps_permutation_inverse(permutation, j), i, "inverse of %lu in n %lu", (unsigned long)j,
                  (unsigned long)permutation->n);
    }
}

static void permutations_are_bijections(void **state)
{
    (void)state;
    static const uint64_t large[] = {1000, 1023, 1024, 1025, 4096, 4097, 65535, 65536, 65537, 80000, 100000};
    bool *seen = malloc(100000);
    struct cps_permutation permutation;
    for (uint64_t n = 1; n <= 300; n++)
        for (uint64_t key = 0; key < 5; key++) {
            cps_permutation_init(&permutation, key * 77, CPS_RANDOM_TEST, key, n);
            check_bijection(&permutation, seen);
        }
    for (size_t i = 0; i < COUNT_OF(large); i++) {
        cps_permutation_init(&permutation, 42, CPS_RANDOM_SHUFFLE, i, large[i]);
        check_bijection(&permutation, seen);
    }
    free(seen);
}

static void huge_permutations_invert(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {20000000, 1u << 31, (1ull << 32) - 5, 1ull << 32};
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, 42, CPS_RANDOM_SHUFFLE, s, sizes[s]);
        for (uint64_t k = 0; k < 20000; k++) {
            uint64_t i = k < 4 ? k : k < 8 ? sizes[s] - k + 3 : test_below(0, k, sizes[s]);
            uint64_t j = cps_permutation_forward(&permutation, i);
            assert_true(j < sizes[s]);
            check_int(cps_permutation_inverse(&permutation, j), i, "inverse of forward in n %lu",
                      (unsigned long)sizes[s]);
            check_int(cps_permutation_forward(&permutation, cps_permutation_inverse(&permutation, i)), i,
                      "forward of inverse in n %lu", (unsigned long)sizes[s]);
        }
    }
}

/* Many at once go where each goes alone, at every size and up to the largest. */
static void many_go_where_each_goes(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static const uint64_t large[] = {80000, 16000000, 4294836225u, 4294836226u, UINT32_MAX, (uint64_t)1 << 32};
    uint32_t in[COUNT], out[COUNT];
    for (uint64_t k = 1; k <= 300 + sizeof large / sizeof large[0]; k++) {
        uint64_t n = k <= 300 ? k : large[k - 301];
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, 42, CPS_RANDOM_SHUFFLE, k, n);
        for (uint64_t i = 0; i < COUNT; i++)
            in[i] = (uint32_t)(i % 2 ? n - 1 - i % n : cps_random_u64(1, CPS_RANDOM_TEST, k * COUNT + i) % n);
        cps_permutation_forward_all(&permutation, in, COUNT, out);
        for (uint64_t i = 0; i < COUNT; i++)
            check_int(out[i], cps_permutation_forward(&permutation, in[i]), "where %lu goes in n %lu",
                      (unsigned long)in[i], (unsigned long)n);
    }
}

static uint64_t agreements(const struct cps_permutation *a, const struct cps_permutation *b)
{
    uint64_t equal = 0;
    for (uint64_t i = 0; i < a->n; i++)
        equal += cps_permutation_forward(a, i) == cps_permutation_forward(b, i);
    return equal;
}

/* Two random permutations agree in one place on average. */
static void other_keys_give_other_permutations(void **state)
{
    (void)state;
    struct cps_permutation base, again, seed, purpose, index;
    cps_permutation_init(&base, 42, CPS_RANDOM_SHUFFLE, 0, 10000);
    cps_permutation_init(&again, 42, CPS_RANDOM_SHUFFLE, 0, 10000);
    cps_permutation_init(&seed, 43, CPS_RANDOM_SHUFFLE, 0, 10000);
    cps_permutation_init(&purpose, 42, CPS_RANDOM_SPLIT, 0, 10000);
    cps_permutation_init(&index, 42, CPS_RANDOM_SHUFFLE, 1, 10000);
    check_int(agreements(&base, &again), 10000, "places that agree with itself");
    assert_in_range(agreements(&base, &seed), 0, 8);
    assert_in_range(agreements(&base, &purpose), 0, 8);
    assert_in_range(agreements(&base, &index), 0, 8);
}

/* Chi-square of where an element goes over many keys, in standard deviations. */
static double unevenness(uint64_t n, uint64_t element, uint32_t keys)
{
    enum { CELLS = 20 };
    uint32_t hits[CELLS] = {0};
    double square = 0.0, cells = n < CELLS ? (double)n : CELLS;
    for (uint32_t key = 0; key < keys; key++) {
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, key, CPS_RANDOM_TEST + 9, element, n);
        uint64_t j = cps_permutation_forward(&permutation, element);
        hits[n < CELLS ? j : j * CELLS / n]++;
    }
    for (uint64_t c = 0; c < (uint64_t)cells; c++) {
        double share = n < CELLS ? 1.0 / cells : 0.0;
        if (n >= CELLS) /* cells hold ceil or floor of n/CELLS places */
            share = (double)((n * (c + 1) + CELLS - 1) / CELLS - (n * c + CELLS - 1) / CELLS) / (double)n;
        double want = keys * share;
        square += (hits[c] - want) * (hits[c] - want) / want;
    }
    return (square - (cells - 1.0)) / sqrt(2.0 * (cells - 1.0));
}

static void an_element_goes_anywhere(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {5, 7, 16, 17, 100, 1000, 1025, 80000};
    for (size_t s = 0; s < COUNT_OF(sizes); s++)
        for (uint64_t e = 0; e < 3; e++) {
            uint64_t element = e * (sizes[s] - 1) / 2;
            double sigmas = unevenness(sizes[s], element, 20000);
            if (sigmas > 5.0)
                fail_msg("element %lu of %lu: chi-square %.1f sigmas above its mean, want at most 5",
                         (unsigned long)element, (unsigned long)sizes[s], sigmas);
        }
}

/* Correlation of the places of i and i + lag. */
static double correlation(const struct cps_permutation *permutation, uint64_t lag)
{
    uint64_t n = permutation->n;
    double middle = ((double)n - 1.0) / 2.0, sum = 0.0, variance = ((double)n * (double)n - 1.0) / 12.0;
    for (uint64_t i = 0; i < n; i++)
        sum += ((double)cps_permutation_forward(permutation, i) - middle) *
               ((double)cps_permutation_forward(permutation, (i + lag) % n) - middle);
    return sum / (double)n / variance;
}

static void neighbours_are_uncorrelated(void **state)
{
    (void)state;
    static const uint64_t lags[] = {1, 2, 64, 256, 512};
    for (uint64_t key = 0; key < 20; key++) {
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, key, CPS_RANDOM_SHUFFLE, 0, 20000);
        for (size_t l = 0; l < COUNT_OF(lags); l++)
            check_near(correlation(&permutation, lags[l]), 0.0, 5.0 / sqrt(20000.0), "key %lu, lag %lu",
                       (unsigned long)key, (unsigned long)lags[l]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_philox),
        cmocka_unit_test(purposes_keep_their_numbers),
        cmocka_unit_test(uniform_is_a_cell_of_u64),
        cmocka_unit_test(normal_has_the_moments),
        cmocka_unit_test(normal_is_the_quantile_of_uniform),
        cmocka_unit_test(normals_are_the_normal_numbers),
        cmocka_unit_test(permutations_are_bijections),
        cmocka_unit_test(huge_permutations_invert),
        cmocka_unit_test(many_go_where_each_goes),
        cmocka_unit_test(other_keys_give_other_permutations),
        cmocka_unit_test(an_element_goes_anywhere),
        cmocka_unit_test(neighbours_are_uncorrelated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
