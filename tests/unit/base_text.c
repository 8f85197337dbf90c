/* Statuses and errors, strings and numbers from text, and memory that grows. */
#include <pthread.h>
#include <stdio.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "tests/unit/check.h"

static void statuses_have_their_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum cps_status status;
        int code;
    } cases[] = {
        {CPS_OK, 0},           {CPS_ERR_USAGE, 2},   {CPS_ERR_DATA, 3},       {CPS_ERR_PEER, 4},
        {CPS_ERR_DIVERGED, 5}, {CPS_ERR_STORAGE, 6}, {CPS_ERR_PREEMPTED, 75},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_int(cps_status_exit_code(cases[i].status), cases[i].code, "%s", cps_status_text(cases[i].status));
}

/* mpirun passes codes of 1..125 on as they are; 0 would hide an error. */
static void errors_are_one_line(void **state)
{
    (void)state;
    cps_fail(CPS_ERR_DATA, "bad value '%s'", "a\nb\033[1mc");
    cps_hint(CPS_ERR_DATA, "not '%s'", "d\r\te\177");
    assert_string_equal(cps_error_text(), "bad value 'a b [1mc'");
    assert_string_equal(cps_error_hint(), "not 'd  e '");
    cps_error_clear();
}

static void exit_codes_are_distinct_and_survive_mpirun(void **state)
{
    (void)state;
    bool seen[256] = {false};
#define X(name, number, text)                                                                                  \
    do {                                                                                                       \
        int code = cps_status_exit_code(CPS_##name);                                                           \
        assert_in_range(code, 0, 125);                                                                         \
        assert_false(seen[code]);                                                                              \
        seen[code] = true;                                                                                     \
        assert_true(strlen(cps_status_text(CPS_##name)) > 0);                                                  \
    } while (0);
    CPS_STATUS_MAP(X)
#undef X
}

static void an_error_keeps_its_sentence_and_hint(void **state)
{
    (void)state;
    cps_error_clear();
    assert_string_equal(cps_error_text(), "");
    assert_string_equal(cps_error_hint(), "");
    assert_int_equal(cps_fail(CPS_ERR_DATA, "'%s': no ratings", "u.data"), CPS_ERR_DATA);
    assert_int_equal(cps_hint(CPS_ERR_DATA, "try %d", 7), CPS_ERR_DATA);
    assert_string_equal(cps_error_text(), "'u.data': no ratings");
    assert_string_equal(cps_error_hint(), "try 7");
    cps_fail(CPS_ERR_PEER, "another");
    assert_string_equal(cps_error_text(), "another");
    assert_string_equal(cps_error_hint(), "");
    assert_int_equal(cps_fail_memory("rows", 123), CPS_ERR_MEMORY);
    assert_non_null(strstr(cps_error_text(), "123 bytes for rows"));
}

static void a_long_error_is_cut(void **state)
{
    (void)state;
    char text[3 * CPS_ERROR_BYTES];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    cps_fail(CPS_ERR_DATA, "%s", text);
    cps_hint(CPS_ERR_DATA, "%s", text);
    check_int(strlen(cps_error_text()), CPS_ERROR_BYTES - 1, "bytes of the sentence");
    check_int(strlen(cps_error_hint()), CPS_ERROR_BYTES - 1, "bytes of the hint");
}

static void *fail_elsewhere(void *context)
{
    (void)context;
    cps_fail(CPS_ERR_PEER, "elsewhere");
    return NULL;
}

static void threads_have_errors_of_their_own(void **state)
{
    (void)state;
    pthread_t thread;
    cps_fail(CPS_ERR_DATA, "here");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(cps_error_text(), "here");
}

static enum cps_status tries(enum cps_status status, bool *passed)
{
    CPS_TRY(status);
    *passed = true;
    return CPS_OK;
}

static void try_propagates_what_is_not_ok(void **state)
{
    (void)state;
    bool passed = false;
    assert_int_equal(tries(CPS_ERR_STORAGE, &passed), CPS_ERR_STORAGE);
    assert_false(passed);
    assert_int_equal(tries(CPS_OK, &passed), CPS_OK);
    assert_true(passed);
}

static void text_becomes_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},      {"007", true, 7},  {"18446744073709551615", true, UINT64_MAX},
        {"", false, 0},      {" 1", false, 0},  {"18446744073709551616", false, 0},
        {"+1", false, 0},    {"-1", false, 0},  {"1 ", false, 0},
        {"0x10", false, 0},  {"1.0", false, 0}, {"1e3", false, 0},
        {"seven", false, 0}, {"1\n", false, 0}, {"99999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t value = 0;
        check_int(cps_text_to_u64(cases[i].text, &value), cases[i].good, "'%s'", cases[i].text);
        check_int(value, cases[i].value, "'%s'", cases[i].text);
    }
}

static void text_becomes_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        double value;
    } cases[] = {
        {"1.5", true, 1.5}, {"-2e3", true, -2000.0}, {"1e308", true, 1e308},  {".5", true, 0.5},
        {"+3", true, 3.0},  {"-0", true, 0.0},       {"5e-3", true, 5e-3},    {"", false, 0},
        {" 1", false, 0},   {"1 ", false, 0},        {"1e309", false, 0},     {"-1e309", false, 0},
        {"nan", false, 0},  {"inf", false, 0},       {"-infinity", false, 0}, {"1.5x", false, 0},
        {"1,5", false, 0},  {"e5", false, 0},        {".", false, 0},         {"--1", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 0;
        check_int(cps_text_to_double(cases[i].text, &value), cases[i].good, "'%s'", cases[i].text);
        check_near(value, cases[i].value, 0.0, "'%s'", cases[i].text);
    }
}

static void distance_counts_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t edits;
    } cases[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"", "abc", 3},
        {"abc", "acb", 1},
        {"ab", "b", 1},
        {"kitten", "sitting", 3},
        {"ca", "abc", 3},
        {"lr-max", "lrmax", 1},
        {"epocsh", "epochs", 1},
        {"seed", "sedd", 1},
        {"batch-size", "batch_sise", 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_int(cps_text_distance(cases[i].a, cases[i].b), cases[i].edits, "%s -> %s", cases[i].a,
                  cases[i].b);
        check_int(cps_text_distance(cases[i].b, cases[i].a), cases[i].edits, "%s -> %s", cases[i].b,
                  cases[i].a);
    }
}

static void distance_takes_names_of_any_length(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    check_int(cps_text_distance(text, text), 0, "equal long names");
    assert_true(cps_text_distance(text, "b") > 2);
}

static void text_grows(void **state)
{
    (void)state;
    struct cps_text text = {0};
    char want[16];
    for (int i = 0; i < 10000; i++)
        check_ok(cps_text_add(&text, "%05d,", i));
    check_int(text.length, 60000, "length");
    check_int(strlen(text.data), 60000, "length to the NUL");
    for (int i = 0; i < 10000; i++) {
        snprintf(want, sizeof want, "%05d,", i);
        assert_memory_equal(text.data + 6 * i, want, 6);
    }
    const char *kept = text.data;
    cps_text_clear(&text);
    assert_string_equal(text.data, "");
    check_ok(cps_text_add_bytes(&text, "a\0b", 3));
    assert_ptr_equal(text.data, kept);
    assert_memory_equal(text.data, "a\0b", 4);
    cps_text_release(&text);
    assert_null(text.data);
}

static void an_empty_text_can_be_added_and_cleared(void **state)
{
    (void)state;
    struct cps_text text = {0};
    cps_text_clear(&text);
    check_ok(cps_text_add_bytes(&text, NULL, 0));
    assert_string_equal(text.data, "");
    check_ok(cps_text_add(&text, "%s", ""));
    check_int(text.length, 0, "length");
    cps_text_release(&text);
    cps_text_release(&text);
}

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count += 7) {
        uint32_t *numbers;
        check_ok(cps_alloc("numbers", count, sizeof *numbers, &numbers));
        assert_non_null(numbers);
        check_int((uintptr_t)numbers % CPS_CACHE_LINE, 0, "alignment");
        for (size_t i = 0; i < count; i++)
            check_int(numbers[i], 0, "number %zu of %zu", i, count);
        free(numbers);
    }
}

static void memory_that_cannot_be_is_refused(void **state)
{
    (void)state;
    void *out = NULL;
    check_fails(cps_alloc("a universe", SIZE_MAX / 2, 16, &out), CPS_ERR_MEMORY, "a universe");
    assert_null(out);
    uint64_t *array = NULL;
    size_t capacity = 0;
    check_ok(cps_grow("numbers", &array, &capacity, 4, sizeof *array));
    array[3] = 33;
    uint64_t *kept = array;
    check_fails(cps_grow("numbers", &array, &capacity, SIZE_MAX / 4, sizeof *array), CPS_ERR_MEMORY, "numbers");
    assert_ptr_equal(array, kept);
    check_int(capacity, 4, "capacity");
    check_int(array[3], 33, "kept element");
    free(array);
}

static void arrays_grow_by_half_and_keep_their_items(void **state)
{
    (void)state;
    uint32_t *array = NULL, moves = 0;
    size_t capacity = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        const uint32_t *before = array;
        size_t old = capacity;
        check_ok(cps_grow("numbers", &array, &capacity, i + 1, sizeof *array));
        assert_true(capacity > i);
        assert_true(array == before || capacity >= old + old / 2);
        moves += array != before;
        array[i] = i;
    }
    assert_in_range(moves, 1, 40);
    check_int((uintptr_t)array % CPS_CACHE_LINE, 0, "alignment");
    for (uint32_t i = 0; i < 100000; i++)
        check_int(array[i], i, "item %u", i);
    free(array);
}

static void sizes_round_up(void **state)
{
    (void)state;
    static const size_t cases[][3] = {{0, 16, 0},   {1, 16, 16},  {16, 16, 16},
                                      {17, 16, 32}, {51, 16, 64}, {5, 1, 5}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_int(cps_round_up(cases[i][0], cases[i][1]), cases[i][2], "%zu to %zu", cases[i][0], cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_their_exit_codes),
        cmocka_unit_test(exit_codes_are_distinct_and_survive_mpirun),
        cmocka_unit_test(errors_are_one_line),
        cmocka_unit_test(an_error_keeps_its_sentence_and_hint),
        cmocka_unit_test(a_long_error_is_cut),
        cmocka_unit_test(threads_have_errors_of_their_own),
        cmocka_unit_test(try_propagates_what_is_not_ok),
        cmocka_unit_test(text_becomes_whole_numbers),
        cmocka_unit_test(text_becomes_numbers),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(distance_takes_names_of_any_length),
        cmocka_unit_test(text_grows),
        cmocka_unit_test(an_empty_text_can_be_added_and_cleared),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(memory_that_cannot_be_is_refused),
        cmocka_unit_test(arrays_grow_by_half_and_keep_their_items),
        cmocka_unit_test(sizes_round_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
