/* .npy tables: every version and width is read, every malformed header refused in one line. */
#include "common/store/npy.h"

#include "tests/unit/store_files.h"

/* A file of version major with the dictionary text and data; the length field is right. */
static void write_npy(const char *path, int major, const char *text, const void *data, size_t data_bytes)
{
    static unsigned char bytes[4096];
    size_t length = strlen(text), width = major == 1 ? 2 : 4;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)major;
    bytes[7] = 0;
    for (size_t i = 0; i < width; i++)
        bytes[8 + i] = (unsigned char)(length >> (8 * i));
    memcpy(bytes + 8 + width, text, length);
    if (data_bytes)
        memcpy(bytes + 8 + width + length, data, data_bytes);
    write_bytes(path, bytes, 8 + width + length + data_bytes);
}

static const int32_t narrow[2][3] = {{0, 1, 2}, {-3, 2147483647, 5}};
static const int64_t wide[2][3] = {{0, 1, 2}, {-3, INT64_MAX, 5}};

static void good_files_are_read(void **state)
{
    (void)state;
    static const struct {
        int major, bytes;
        const char *text;
    } cases[] = {
        {1, 4, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }      \n"},
        {1, 8, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }\n"},
        {2, 4, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n"},
        {3, 8, "{'shape':(2,3,),'descr':\"<i8\",'fortran_order':False}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_npy table;
        const void *data = cases[i].bytes == 4 ? (const void *)narrow : (const void *)wide;
        write_npy(in_folder("t.npy"), cases[i].major, cases[i].text, data, (size_t)cases[i].bytes * 6);
        assert_int_equal(cps_npy_open(&table, in_folder("t.npy")), CPS_OK);
        assert_int_equal(table.rows, 2);
        assert_int_equal(table.columns, 3);
        assert_int_equal(cps_npy_at(&table, 0, 2), 2);
        assert_int_equal(cps_npy_at(&table, 1, 0), -3);
        assert_true(cps_npy_at(&table, 1, 1) == (cases[i].bytes == 4 ? INT32_MAX : INT64_MAX));
        cps_npy_release(&table);
    }
}

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void broken_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } cases[] = {
        {DICT("'<f4'", "False", "(2, 3)"), "holds '<f4', expected int32"},
        {DICT("'>i4'", "False", "(2, 3)"), "holds '>i4'"},
        {DICT("'|i4'", "False", "(2, 3)"), "holds '|i4'"},
        {DICT("'<u4'", "False", "(2, 3)"), "holds '<u4'"},
        {DICT("'<i4'", "True", "(2, 3)"), "column after column"},
        {DICT("'<i4'", "False", "(6,)"), "has 1 dimension(s)"},
        {DICT("'<i4'", "False", "()"), "has 0 dimension(s)"},
        {DICT("'<i4'", "False", "(1, 2, 3)"), "has 3 dimension(s)"},
        {DICT("'<i4'", "False", "(2, 4)"), "24 bytes of data, but its shape needs 32"},
        {DICT("'<i4'", "False", "(1, 3)"), "24 bytes of data, but its shape needs 12"},
        {DICT("'<i4'", "False", "(4294967296, 4294967296)"), "beyond 64 bits"},
        {DICT("'<i4'", "False", "(99999999999999999999, 1)"), "not a dictionary"},
        {DICT("'<i4'", "False", "(-2, 3)"), "not a dictionary"},
        {DICT("'<i4'", "False", "(2 3)"), "not a dictionary"},
        {DICT("'<i4'", "False", "[2, 3]"), "not a dictionary"},
        {DICT("'<i4'", "0", "(2, 3)"), "not a dictionary"},
        {DICT("'<i4", "False", "(2, 3)"), "not a dictionary"},
        {DICT("[('a', '<i4')]", "False", "(2, 3)"), "not a dictionary"},
        {DICT("'a very long name of a kind of number'", "False", "(2, 3)"), "not a dictionary"},
        {DICT("'<i4'", "False", "(2, 3)") " x", "not a dictionary"},
        {"{'descr': '<i4', 'shape': (2, 3)}", "not a dictionary"},
        {"{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}", "not a dictionary"},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", "not a dictionary"},
        {"{'descr': '<i4' 'fortran_order': False, 'shape': (2, 3)}", "not a dictionary"},
        {"", "not a dictionary"},
        {"{", "not a dictionary"},
    };
    const char *path = in_folder("bad.npy");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_npy table;
        write_npy(path, 1, cases[i].text, narrow, sizeof narrow);
        if (cps_npy_open(&table, path) != CPS_ERR_DATA)
            fail_msg("header '%s' was accepted", cases[i].text);
        assert_contains(cps_error_text(), cases[i].cause);
        assert_contains(cps_error_text(), "bad.npy'");
        assert_null(strchr(cps_error_text(), '\n'));
    }
}

static void broken_beginnings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *cause;
    } cases[] = {
        {"", 0, "is not a .npy file"},
        {"PK\3\4 a zip of arrays", 19, "is not a .npy file"},
        {"\x93NUMPY\1\0\0", 9, "is not a .npy file"},
        {"\x93NUMPY\4\0\0\0\0\0", 12, "version 4.0"},
        {"\x93NUMPY\1\1\0\0\0\0", 12, "version 1.1"},
        {"\x93NUMPY\2\0\0\0", 10, "ends in its header"},
        {"\x93NUMPY\1\0\377\377{}", 12, "ends in its header"},
        {"\x93NUMPY\2\0\377\377\377\377{}", 14, "ends in its header"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_npy table;
        write_bytes(in_folder("bad.npy"), cases[i].bytes, cases[i].count);
        assert_int_equal(cps_npy_open(&table, in_folder("bad.npy")), CPS_ERR_DATA);
        assert_contains(cps_error_text(), cases[i].cause);
    }
}

static void range_is_checked(void **state)
{
    (void)state;
    struct cps_npy table;
    write_npy(in_folder("t.npy"), 1, DICT("'<i4'", "False", "(2, 3)"), narrow, sizeof narrow);
    assert_int_equal(cps_npy_open(&table, in_folder("t.npy")), CPS_OK);
    assert_int_equal(cps_npy_check_below(&table, "t.npy", 3), CPS_ERR_DATA);
    assert_string_equal(cps_error_text(), "'t.npy': -3 at [1, 0] is not below 3");
    assert_int_equal(cps_npy_check_below(&table, "t.npy", 2), CPS_ERR_DATA);
    assert_string_equal(cps_error_text(), "'t.npy': 2 at [0, 2] is not below 2");
    cps_npy_release(&table);
}

#define each(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        each(good_files_are_read),
        each(broken_files_are_refused),
        each(broken_beginnings_are_refused),
        each(range_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
