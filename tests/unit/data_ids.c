/* Ids, their order, decimals and UTF-8: the small parts under the readers of data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/ids.h"
#include "common/data/vocabulary.h"
#include "common/text/decimal.h"
#include "common/text/utf8.h"

static void check_ok(enum cps_status status)
{
    if (status != CPS_OK)
        fail_msg("%s", cps_error_text());
}

static uint32_t add(struct cps_ids *ids, const char *id)
{
    uint32_t number;
    check_ok(cps_ids_add(ids, id, strlen(id), &number));
    return number;
}

static void integers_are_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int integer;
        uint64_t value;
    } cases[] = {
        {"0", 1, 0},
        {"7", 1, 7},
        {"18446744073709551615", 1, UINT64_MAX},
        {"18446744073709551616", 0, 0},
        {"99999999999999999999", 0, 0},
        {"007", 0, 0},
        {"00", 0, 0},
        {"-1", 0, 0},
        {"+1", 0, 0},
        {"1.0", 0, 0},
        {"", 0, 0},
        {"12a", 0, 0},
        {"123456789012345678901234567890", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 0;
        int integer = cps_id_to_integer(cases[i].text, strlen(cases[i].text), &value);
        if (integer != cases[i].integer || value != cases[i].value)
            fail_msg("'%s': got %d, %llu", cases[i].text, integer, (unsigned long long)value);
    }
}

static void integers_survive_as_text(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 9, 10, 4194303, 4194304, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char digits[CPS_ID_INTEGER_BYTES];
        uint64_t back;
        assert_true(cps_id_to_integer(digits, cps_id_from_integer(values[i], digits), &back));
        assert_int_equal(back, values[i]);
    }
}

/* Enough of each kind that every table grows several times. */
static void numbers_are_kept(void **state)
{
    (void)state;
    struct cps_ids ids = {0};
    enum { MANY = 20000 };
    static const char *const forms[] = {"%d", "70000000%d", "user %d", "0%d"};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < MANY; i++)
            for (int form = 0; form < 4; form++) {
                char id[32];
                snprintf(id, sizeof id, forms[form], i + 1);
                uint32_t want = (uint32_t)(i * 4 + form);
                if (pass == 1)
                    assert_int_equal(cps_ids_find(&ids, id, strlen(id)), want);
                assert_int_equal(add(&ids, id), want);
            }
    assert_int_equal(ids.count, 4 * MANY);
    assert_int_equal(cps_ids_find(&ids, "nobody", 6), CPS_IDS_NONE);
    assert_int_equal(cps_ids_find(&ids, "999999", 6), CPS_IDS_NONE);
    assert_int_equal(cps_ids_find(&ids, "99999999999", 11), CPS_IDS_NONE);
    cps_ids_release(&ids);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    struct cps_ids ids = {0};
    assert_int_equal(cps_ids_find(&ids, "1", 1), CPS_IDS_NONE);
    assert_int_equal(cps_ids_find(&ids, "5000000", 7), CPS_IDS_NONE);
    assert_int_equal(cps_ids_find(&ids, "x", 1), CPS_IDS_NONE);
    cps_ids_release(&ids);
}

/* The names of a vocabulary, a space between them. */
static void check_names(const struct cps_vocabulary *vocabulary, const char *want)
{
    struct cps_text got = {0};
    for (uint32_t row = 0; row < vocabulary->rows; row++) {
        uint64_t length;
        const char *name = cps_vocabulary_name(vocabulary, row, &length);
        check_ok(cps_text_add(&got, "%s%.*s", row ? " " : "", (int)length, name));
    }
    assert_string_equal(got.data, want);
    cps_text_release(&got);
}

static void vocabularies_are_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *ids[8];
        const char *want;
    } cases[] = {
        {{"10", "9", "2"}, "#na# 2 9 10"},
        {{"10", "9", "x2"}, "#na# 10 9 x2"},
        {{"18446744073709551615", "3"}, "#na# 3 18446744073709551615"},
        {{"18446744073709551616", "3"}, "#na# 18446744073709551616 3"},
        {{"02", "10", "1"}, "#na# 02 1 10"},
        {{"b", "B", "ab", "a"}, "#na# B a ab b"},
        /* U+FFFF before U+10000, whose UTF-16 comes first. */
        {{"\xF0\x90\x80\x80", "\xEF\xBF\xBF", "\xC3\xA9", "z"},
         "#na# z \xC3\xA9 \xEF\xBF\xBF \xF0\x90\x80\x80"},
        {{"2", "#na#", "1"}, "#na# 1 2"},
        {{"#na#"}, "#na#"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_ids ids = {0};
        struct cps_vocabulary vocabulary;
        uint32_t *row_of;
        for (int k = 0; cases[i].ids[k]; k++)
            add(&ids, cases[i].ids[k]);
        check_ok(cps_vocabulary_build(&ids, NULL, &vocabulary, &row_of));
        check_names(&vocabulary, cases[i].want);
        for (uint32_t n = 0; n < ids.count; n++) {
            char digits[CPS_ID_INTEGER_BYTES];
            size_t length;
            uint64_t name_length;
            const char *id = cps_ids_text(&ids, n, digits, &length);
            const char *name = cps_vocabulary_name(&vocabulary, row_of[n], &name_length);
            assert_int_equal(length, name_length);
            assert_memory_equal(id, name, length);
        }
        cps_vocabulary_release(&vocabulary);
        free(row_of);
        cps_ids_release(&ids);
    }
}

static void groups_are_joined_in_order(void **state)
{
    (void)state;
    struct cps_ids ids = {0};
    struct cps_vocabulary groups;
    add(&ids, "30");
    add(&ids, "4");
    add(&ids, "100");
    static const uint32_t row_of[] = {1, 1, 2};
    check_ok(cps_vocabulary_of_groups(&ids, row_of, 3, &groups));
    check_names(&groups, "#na# 4|30 100");
    cps_vocabulary_release(&groups);
    cps_ids_release(&ids);
}

static void decimals_are_exact(void **state)
{
    (void)state;
    static const char *const good[] = {
        "5",
        "3.5",
        "0",
        "4.",
        ".5",
        "0.1",
        "123456789.123456",
        "16777217",
        "-2.25",
        "+4",
        "1e3",
        "1E-2",
        "3.14159265358979323846",
        "0.30000001192092896",
        "340282346638528859811704183484516925440",
        "1e-300",
        "000004.5",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        float got, want = (float)strtod(good[i], NULL);
        if (cps_decimal_parse(good[i], strlen(good[i]), &got) != CPS_DECIMAL_OK || got != want)
            fail_msg("'%s': want %.9g, got %.9g", good[i], (double)want, (double)got);
        float fast = want;
        const char *end = cps_decimal_scan(good[i], &fast);
        if (end && *end == '\0' && fast != want)
            fail_msg("'%s' the fast way: want %.9g, got %.9g", good[i], (double)want, (double)fast);
    }
}

static void other_words_are_no_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cps_decimal_result want;
    } cases[] = {
        {"", CPS_DECIMAL_NOT_A_NUMBER},       {"five", CPS_DECIMAL_NOT_A_NUMBER},
        {"0x10", CPS_DECIMAL_NOT_A_NUMBER},   {" 5", CPS_DECIMAL_NOT_A_NUMBER},
        {"5 ", CPS_DECIMAL_NOT_A_NUMBER},     {"3,5", CPS_DECIMAL_NOT_A_NUMBER},
        {"1.2.3", CPS_DECIMAL_NOT_A_NUMBER},  {"nan(1)", CPS_DECIMAL_NOT_A_NUMBER},
        {".", CPS_DECIMAL_NOT_A_NUMBER},      {"-", CPS_DECIMAL_NOT_A_NUMBER},
        {"nan", CPS_DECIMAL_NOT_FINITE},      {"-Inf", CPS_DECIMAL_NOT_FINITE},
        {"1e39", CPS_DECIMAL_NOT_FINITE},     {"1e999", CPS_DECIMAL_NOT_FINITE},
        {"infinity", CPS_DECIMAL_NOT_FINITE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float value;
        enum cps_decimal_result got = cps_decimal_parse(cases[i].text, strlen(cases[i].text), &value);
        if (got != cases[i].want)
            fail_msg("'%s': want %d, got %d", cases[i].text, cases[i].want, got);
    }
}

static void utf8_is_told_from_latin1(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int valid;
    } cases[] = {
        {"plain", 1},        {"\xC3\xA9", 1},
        {"\xE2\x82\xAC", 1}, {"\xF4\x8F\xBF\xBF", 1},
        {"\xE9t\xE9", 0},    {"\xC3", 0},
        {"\xC0\xAF", 0},     {"\xE0\x80\xAF", 0},
        {"\xED\xA0\x80", 0}, {"\xF4\x90\x80\x80", 0},
        {"\xF5\x80\x80", 0}, {"\xF0\x80\x80\x80", 0},
        {"a\x80", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (cps_utf8_is_valid(cases[i].text, strlen(cases[i].text)) != cases[i].valid)
            fail_msg("case %zu", i);
    struct cps_text text = {0};
    check_ok(cps_utf8_add_latin1(&text, "caf\xE9 \xFF", 6));
    assert_string_equal(text.data, "caf\xC3\xA9 \xC3\xBF");
    cps_text_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_canonical),    cmocka_unit_test(integers_survive_as_text),
        cmocka_unit_test(numbers_are_kept),          cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(vocabularies_are_in_order), cmocka_unit_test(groups_are_joined_in_order),
        cmocka_unit_test(decimals_are_exact),        cmocka_unit_test(other_words_are_no_decimals),
        cmocka_unit_test(utf8_is_told_from_latin1),
    };
    return cmocka_run_group_tests_name("data_ids", tests, NULL, NULL);
}
