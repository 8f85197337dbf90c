/* SipHash-1-3 against an implementation in another language, which with 2 and 4 rounds gives the vectors of its
 * authors: key 00 01 … 0f, text 00 01 … of each length. */
#include "common/base/siphash.h"
#include "tests/unit/check.h"

static uint64_t code_of(const uint8_t *text, size_t bytes, size_t piece)
{
    uint8_t key[CPS_SIPHASH_KEY_BYTES];
    struct cps_siphash hash;
    for (uint8_t i = 0; i < sizeof key; i++)
        key[i] = i;
    cps_siphash_begin(&hash, key);
    for (size_t at = 0; at < bytes; at += piece)
        cps_siphash_add(&hash, text + at, bytes - at < piece ? bytes - at : piece);
    return cps_siphash_end(&hash);
}

static void the_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t code;
    } vectors[] = {{0, 0xabac0158050fc4dcu},
                   {1, 0xc9f49bf37d57ca93u},
                   {2, 0x82cb9b024dc7d44du},
                   {3, 0x8bf80ab8e7ddf7fbu},
                   {15, 0xd320d86d2a519956u}};
    uint8_t text[15];
    for (uint8_t i = 0; i < sizeof text; i++)
        text[i] = i;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        assert_true(code_of(text, vectors[i].bytes, 64) == vectors[i].code);
}

static void pieces_and_bits_count(void **state)
{
    (void)state;
    uint8_t text[100];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)test_below(0, i, 256);
    for (size_t bytes = 1; bytes <= sizeof text; bytes++) {
        uint64_t whole = code_of(text, bytes, sizeof text);
        for (size_t piece = 1; piece < 20; piece++)
            assert_true(code_of(text, bytes, piece) == whole);
        for (size_t bit = 0; bit < 8 * bytes; bit++) {
            text[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_true(code_of(text, bytes, sizeof text) != whole);
            text[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_vectors_hold),
                                       cmocka_unit_test(pieces_and_bits_count)};
    return cmocka_run_group_tests_name("base: siphash", tests, NULL, NULL);
}
