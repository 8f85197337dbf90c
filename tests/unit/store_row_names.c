/* users.tsv and movies.tsv: read back as written, refused where they are not what they should be. */
#include "common/store/row_names.h"

#include "tests/unit/check.h"
#include "tests/unit/store_files.h"

static void write_text(const char *text)
{
    write_bytes(in_folder("names.tsv"), text, strlen(text));
}

static void names_are_read(void **state)
{
    (void)state;
    struct cps_row_names names;
    write_text("row\tmovie\ttitle\n0\t#na#\t#na#\n1\t7|9\tA\\tB\\\\C\n2\tx\t\n");
    check_ok(cps_row_names_read(in_folder("names.tsv"), true, &names));
    check_int(names.rows, 3, "rows");
    assert_string_equal(names.id[1], "7|9");
    assert_string_equal(names.title[1], "A\tB\\C");
    assert_string_equal(names.title[2], "");
    cps_row_names_release(&names);
    write_text("row\tuser\n0\t#na#\n1\t196\n");
    check_ok(cps_row_names_read(in_folder("names.tsv"), false, &names));
    assert_string_equal(names.id[1], "196");
    assert_null(names.title);
    cps_row_names_release(&names);
}

static void others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } cases[] = {
        {"", ":1': the header is not"},
        {"row\tuser\n0\tx\n", ":1': the header is not"},
        {"row\tmovie\ttitle\n0\t#na#\n", ":2': a column is missing"},
        {"row\tmovie\ttitle\n0\t#na#\t#na#\n2\ta\tb\n", ":3': the rows are not numbered"},
        {"row\tmovie\ttitle\n0\t#na#\t#na#", ":2': no end of the line"},
        {"row\tmovie\ttitle\n0\ta\tb\tc\n", ":2': no end of the line"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_row_names names;
        write_text(cases[i].text);
        check_fails(cps_row_names_read(in_folder("names.tsv"), true, &names), CPS_ERR_DATA, cases[i].cause);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
