/* The syntax of option files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/options/config.h"

/* Adds what the reader finds in text as "name|value;" or "#name|value;". */
static enum cps_status read_all(const char *text, size_t length, struct cps_text *out)
{
    struct cps_config_reader reader;
    enum cps_config_item item = CPS_CONFIG_SETTING;
    enum cps_status status = CPS_OK;
    cps_config_reader_init(&reader, "f", text, length);
    while (status == CPS_OK) {
        status = cps_config_next(&reader, &item);
        if (status != CPS_OK || item == CPS_CONFIG_END)
            break;
        status = cps_text_add(out, "%s%s|%s;", item == CPS_CONFIG_NOTE ? "#" : "", reader.name.data,
                              reader.value.data);
    }
    cps_config_reader_release(&reader);
    return status;
}

static void test_accepted(void **state)
{
    static const struct {
        const char *text, *found;
    } cases[] = {
        {"", ""},
        {"\n\n  \n# only = a comment\n", ""},
        {"a = b", "a|b;"},
        {"a=b\nc =d\n\te= f \t\n", "a|b;c|d;e|f;"},
        {"a = b\r\nc = d\r\n", "a|b;c|d;"},
        {"\xef\xbb\xbf"
         "a = b",
         "a|b;"},
        {"a = b # why\n", "a|b;"},
        {"a = b#c d=e\n", "a|b#c d=e;"},
        {"a = \"\"", "a|;"},
        {"a = \" b # c \" # d", "a| b # c ;"},
        {"a = \"q\\\"w\\\\e\\n\\t\"", "a|q\"w\\e\n\t;"},
        {"a = b\"c", "a|b\"c;"},
        {"#: source command line\na = b\n#:\n", "#source|command line;a|b;#|;"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cps_text found = {0};
        assert_int_equal(read_all(cases[i].text, strlen(cases[i].text), &found), CPS_OK);
        assert_string_equal(found.data ? found.data : "", cases[i].found);
        cps_text_release(&found);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        const char *error;
    } cases[] = {
        {"a = b\nc\n", 8, "f:2: expected 'name = value'"},
        {"= b", 3, "f:1: no name before '='"},
        {"a =", 3, "f:1: no value after '='"},
        {"a = # b", 7, "f:1: no value after '='"},
        {"a = \"b", 6, "f:1: a quote is not closed"},
        {"a = \"b\\\"", 8, "f:1: a quote is not closed"},
        {"a = \"b\" c", 9, "f:1: unexpected text after the closing quote"},
        {"a = \"\\x\"", 8, "f:1: unknown escape"},
        {"\na = b\0c", 8, "f:2: a NUL byte"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cps_text found = {0};
        assert_int_equal(read_all(cases[i].text, cases[i].length, &found), CPS_ERR_USAGE);
        if (!strstr(cps_error_text(), cases[i].error))
            fail_msg("got \"%s\", want \"%s\"", cps_error_text(), cases[i].error);
        cps_text_release(&found);
    }
}

static void test_written_reads_back(void **state)
{
    static const char *const values[] = {
        "plain",      "",           " leading",       "trailing\t",    "a # b",
        "#",          "\"quoted\"", "back\\slash",    "two\nlines",    "a\\",
        "carriage\r", "\"",         "\xff\xfe bytes", "Amélie = 2001",
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct cps_text text = {0}, found = {0}, want = {0};
        assert_int_equal(cps_config_write(&text, "name", values[i]), CPS_OK);
        assert_int_equal(read_all(text.data, text.length, &found), CPS_OK);
        assert_int_equal(cps_text_add(&want, "name|%s;", values[i]), CPS_OK);
        assert_string_equal(found.data, want.data);
        cps_text_release(&text);
        cps_text_release(&found);
        cps_text_release(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
