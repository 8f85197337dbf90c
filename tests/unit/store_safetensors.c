/* Safetensors: what is written is read back, and what is broken is refused in one line. */
#include "common/store/safetensors.h"

#include "common/base/file.h"
#include "common/base/sha256.h"
#include "tests/unit/store_files.h"

static const struct cps_safetensors_tensor model[] = {
    {"user_factors.weight", 5, 3}, {"movie_factors.weight", 4, 3}, {"user_bias.weight", 5, 1}};
static const struct cps_safetensors_string strings[] = {{"format", "pt"},
                                                        {"title", "tab\there \"q\" \xc3\xa9"}};

static struct cps_safetensors_writer *create(const char *name)
{
    struct cps_safetensors_writer *writer;
    assert_int_equal(cps_safetensors_writer_create(in_folder(name), model, 3, strings, 2, &writer), CPS_OK);
    return writer;
}

static float value_at(size_t tensor, uint64_t row, uint64_t column)
{
    return (float)tensor * 100 + (float)row * 10 + (float)column + 0.25f;
}

/* Rows first..first+count-1 of a tensor from a buffer whose rows are 8 floats apart. */
static void put_rows(struct cps_safetensors_writer *writer, size_t tensor, uint64_t first, uint64_t count)
{
    float rows[8][8] = {{0}};
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t c = 0; c < model[tensor].columns; c++)
            rows[i][c] = value_at(tensor, first + i, c);
    assert_int_equal(cps_safetensors_writer_rows(writer, tensor, first, count, rows[0], 8), CPS_OK);
}

static void finish(struct cps_safetensors_writer *writer, char hex[CPS_SHA256_HEX_BYTES])
{
    assert_int_equal(cps_safetensors_writer_finish(writer, hex), CPS_OK);
    cps_safetensors_writer_destroy(&writer);
}

static void write_backwards(const char *name, char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_safetensors_writer *writer = create(name);
    for (size_t tensor = 3; tensor-- > 0;)
        for (uint64_t row = model[tensor].rows; row-- > 0;)
            put_rows(writer, tensor, row, 1);
    finish(writer, hex);
}

static void check_tensor(const struct cps_safetensors *file, size_t tensor)
{
    struct cps_safetensors_view view;
    assert_int_equal(cps_safetensors_find(file, model[tensor].name, &view), CPS_OK);
    assert_int_equal(view.rows, model[tensor].rows);
    assert_int_equal(view.columns, model[tensor].columns);
    for (uint64_t i = 0; i < view.rows * view.columns; i++) {
        float got;
        memcpy(&got, (const char *)view.data + i * sizeof got, sizeof got);
        assert_float_equal(got, value_at(tensor, i / view.columns, i % view.columns), 0);
    }
}

static void reads_back_what_was_written(void **state)
{
    (void)state;
    char hex[CPS_SHA256_HEX_BYTES];
    struct cps_safetensors *file;
    write_backwards("m.safetensors", hex);
    assert_int_equal(cps_safetensors_open(in_folder("m.safetensors"), &file), CPS_OK);
    for (size_t tensor = 0; tensor < 3; tensor++)
        check_tensor(file, tensor);
    assert_string_equal(cps_safetensors_metadata(file, "format"), "pt");
    assert_string_equal(cps_safetensors_metadata(file, "title"), strings[1].value);
    assert_null(cps_safetensors_metadata(file, "other"));
    cps_safetensors_close(&file);
    assert_null(file);
    assert_int_equal(count_entries(test_folder), 1);
}

static void hash_of(const char *path, char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_file_map map;
    struct cps_sha256 *sha;
    uint8_t digest[CPS_SHA256_BYTES];
    assert_int_equal(cps_file_map(&map, path, CPS_ERR_DATA), CPS_OK);
    assert_int_equal(cps_sha256_create(&sha), CPS_OK);
    cps_sha256_add(sha, map.data, map.size);
    cps_sha256_finish(sha, digest);
    cps_sha256_to_hex(digest, hex);
    cps_sha256_destroy(&sha);
    cps_file_unmap(&map);
}

static void order_of_rows_does_not_show(void **state)
{
    (void)state;
    char backwards[CPS_SHA256_HEX_BYTES], whole[CPS_SHA256_HEX_BYTES], on_disk[CPS_SHA256_HEX_BYTES];
    write_backwards("a.safetensors", backwards);
    struct cps_safetensors_writer *writer = create("b.safetensors");
    for (size_t tensor = 0; tensor < 3; tensor++)
        put_rows(writer, tensor, 0, model[tensor].rows);
    finish(writer, whole);
    hash_of(in_folder("b.safetensors"), on_disk);
    assert_string_equal(backwards, whole);
    assert_string_equal(on_disk, whole);
}

static void data_start_aligned(void **state)
{
    (void)state;
    char hex[CPS_SHA256_HEX_BYTES];
    size_t size;
    uint64_t length;
    write_backwards("m.safetensors", hex);
    char *bytes = read_bytes(in_folder("m.safetensors"), &size);
    memcpy(&length, bytes, sizeof length);
    assert_int_equal((8 + length) % 64, 0);
    assert_int_equal(size, 8 + length + (5 * 3 + 4 * 3 + 5) * sizeof(float));
    free(bytes);
}

/* Packed rows go out in one piece, far-apart ones through the stage, several fulls of it. */
static void large_tensors_are_whole(void **state)
{
    (void)state;
    enum { ROWS = 60000, COLUMNS = 5, STRIDE = 16 };
    const struct cps_safetensors_tensor wide[] = {{"t", ROWS, COLUMNS}};
    char strided[CPS_SHA256_HEX_BYTES], packed[CPS_SHA256_HEX_BYTES];
    float *apart = calloc((size_t)ROWS * STRIDE, sizeof *apart);
    float *together = calloc((size_t)ROWS * COLUMNS, sizeof *together);
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
        apart[i / COLUMNS * STRIDE + i % COLUMNS] = together[i] = (float)i;
    struct cps_safetensors_writer *writer;
    assert_int_equal(cps_safetensors_writer_create(in_folder("a"), wide, 1, NULL, 0, &writer), CPS_OK);
    assert_int_equal(cps_safetensors_writer_rows(writer, 0, 0, ROWS, apart, STRIDE), CPS_OK);
    finish(writer, strided);
    assert_int_equal(cps_safetensors_writer_create(in_folder("b"), wide, 1, NULL, 0, &writer), CPS_OK);
    assert_int_equal(cps_safetensors_writer_rows(writer, 0, 0, ROWS, together, COLUMNS), CPS_OK);
    finish(writer, packed);
    assert_string_equal(strided, packed);
    free(apart);
    free(together);
}

static void missing_row_is_told(void **state)
{
    (void)state;
    char hex[CPS_SHA256_HEX_BYTES];
    struct cps_safetensors_writer *writer = create("m.safetensors");
    put_rows(writer, 0, 0, 5);
    put_rows(writer, 1, 0, 2);
    put_rows(writer, 1, 3, 1);
    put_rows(writer, 2, 0, 5);
    assert_int_equal(cps_safetensors_writer_finish(writer, hex), CPS_ERR_INTERNAL);
    assert_contains(cps_error_text(), "row 2 of 'movie_factors.weight'");
    cps_safetensors_writer_destroy(&writer);
    assert_int_equal(count_entries(test_folder), 0);
}

static void rows_outside_are_refused(void **state)
{
    (void)state;
    static const float rows[64];
    struct cps_safetensors_writer *writer = create("m.safetensors");
    assert_int_equal(cps_safetensors_writer_rows(writer, 0, 4, 2, rows, 3), CPS_ERR_INTERNAL);
    assert_int_equal(cps_safetensors_writer_rows(writer, 0, UINT64_MAX, 2, rows, 3), CPS_ERR_INTERNAL);
    assert_int_equal(cps_safetensors_writer_rows(writer, 0, 0, 2, rows, 2), CPS_ERR_INTERNAL);
    assert_int_equal(cps_safetensors_writer_rows(writer, 3, 0, 1, rows, 3), CPS_ERR_INTERNAL);
    cps_safetensors_writer_destroy(&writer);
    assert_int_equal(count_entries(test_folder), 0);
}

static void unwritable_place_is_a_storage_error(void **state)
{
    (void)state;
    struct cps_safetensors_writer *writer;
    const char *path = in_folder("nowhere/m.safetensors");
    assert_int_equal(cps_safetensors_writer_create(path, model, 3, NULL, 0, &writer), CPS_ERR_STORAGE);
    assert_contains(cps_error_text(), path);
}

/* A file of header and data_bytes zeroes. */
static void write_file(const char *path, const char *header, size_t data_bytes)
{
    static char bytes[4096];
    uint64_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + 8, header, length);
    write_bytes(path, bytes, 8 + length + data_bytes);
}

#define ENTRY(name, dtype, shape, begin, end)                                                                  \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" begin "," end "]}"

static void broken_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *cause;
    } cases[] = {
        {"", 0, "does not start with '{'"},
        {" {}", 0, "does not start with '{'"},
        {"[]", 0, "does not start with '{'"},
        {"{", 0, "its header, byte"},
        {"{}x", 0, "its header, byte"},
        {"{\"a\\u0000\":1}", 0, "its header, byte"},
        {"{\"a\":99999999999999999999}", 0, "its header, byte"},
        {"{\"\xff\":{}}", 0, "its header, byte"},
        {"{}", 1, "1 bytes of data, but its tensors have 0"},
        {"{\"__metadata__\":[]}", 0, "metadata is not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "other than strings"},
        {"{\"a\":3}", 0, "tensor 'a': its entry is not an object"},
        {"{\"a\\nb\":3}", 0, "tensor 'a?b': its entry"},
        {"{\"a\":{}}", 0, "no dtype"},
        {"{\"a\":{\"dtype\":7}}", 0, "no dtype"},
        {"{\"a\":{\"dtype\":\"F32\"}}", 0, "the shape is not a list"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets are not two sizes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, "not two sizes"},
        {"{" ENTRY("a", "F32", "1.0", "0", "4") "}", 4, "something other than sizes"},
        {"{" ENTRY("a", "F32", "-1", "0", "4") "}", 4, "something other than sizes"},
        {"{" ENTRY("a", "F32", "4294967296,4294967296", "0", "4") "}", 4, "beyond 64 bits"},
        {"{" ENTRY("a", "F32", "4611686018427387905", "0", "4") "}", 4, "do not fit its shape"},
        {"{" ENTRY("a", "F32", "2", "0", "4") "}", 4, "do not fit its shape"},
        {"{" ENTRY("a", "F64", "1", "0", "4") "}", 4, "do not fit its shape"},
        {"{" ENTRY("a", "F32", "1", "0", "8") "}", 4, "beyond the end of the file"},
        {"{" ENTRY("a", "F32", "1", "4", "0") "}", 4, "end before they begin"},
        {"{" ENTRY("a", "F32", "1", "0", "-4") "}", 4, "not two sizes"},
        {"{" ENTRY("a", "F32", "1", "4", "8") "}", 8, "'a': a hole in the data before it"},
        {"{" ENTRY("a", "F32", "2", "0", "8") "," ENTRY("b", "F32", "1", "4", "8") "}", 8,
         "'b': its data overlap"},
        {"{" ENTRY("a", "F32", "1", "0", "4") "," ENTRY("b", "F32", "1", "8", "12") "}", 12, "'b': a hole"},
        {"{" ENTRY("a", "F32", "1", "0", "4") "," ENTRY("a", "F32", "1", "4", "8") "}", 8, "its header, byte"},
        {"{" ENTRY("a", "F32", "1", "0", "4") "}", 8, "8 bytes of data, but its tensors have 4"},
    };
    const char *path = in_folder("bad.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_safetensors *file;
        write_file(path, cases[i].header, cases[i].data_bytes);
        if (cps_safetensors_open(path, &file) != CPS_ERR_DATA)
            fail_msg("header '%s' was accepted", cases[i].header);
        assert_contains(cps_error_text(), cases[i].cause);
        assert_contains(cps_error_text(), "bad.safetensors'");
        assert_null(strchr(cps_error_text(), '\n'));
    }
}

static void broken_lengths_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned char bytes[12];
        size_t count;
        const char *cause;
    } cases[] = {
        {{0}, 0, "it is empty"},
        {{2, 0, 0}, 3, "shorter than 8 bytes"},
        {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "beyond the end of the file"},
        {{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10, "beyond the end of the file"},
        {{0, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, "does not start with '{'"},
    };
    const char *path = in_folder("bad.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_safetensors *file;
        write_bytes(path, cases[i].bytes, cases[i].count);
        assert_int_equal(cps_safetensors_open(path, &file), CPS_ERR_DATA);
        assert_contains(cps_error_text(), cases[i].cause);
    }
}

/* Every truncation of a good file is refused, and no changed byte does harm. */
static void no_damage_does_harm(void **state)
{
    (void)state;
    char hex[CPS_SHA256_HEX_BYTES];
    size_t size;
    struct cps_safetensors *file;
    write_backwards("good", hex);
    char *bytes = read_bytes(in_folder("good"), &size);
    const char *path = in_folder("bad");
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(path, bytes, cut);
        assert_int_equal(cps_safetensors_open(path, &file), CPS_ERR_DATA);
    }
    for (size_t i = 0; i < 400; i++) {
        char kept = bytes[i];
        bytes[i] = (char)(kept ^ (1 << (i % 7)));
        write_bytes(path, bytes, size);
        if (cps_safetensors_open(path, &file) == CPS_OK)
            cps_safetensors_close(&file);
        bytes[i] = kept;
    }
    free(bytes);
}

static void other_kinds_are_refused_when_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *name, *cause;
        uint64_t rows, columns; /* when it is found */
    } cases[] = {
        {"half", "'half' is 'F16', only float32", 0, 0},
        {"odd", "'odd' is 'F4', only float32", 0, 0},
        {"cube", "'cube' has 3 dimensions", 0, 0},
        {"scalar", "'scalar' has 0 dimensions", 0, 0},
        {"none", "has no tensor 'none'", 0, 0},
        {"line", NULL, 2, 1},
        {"empty", NULL, 0, 7},
    };
    struct cps_safetensors *file;
    write_file(in_folder("f"),
               "{" ENTRY("half", "F16", "2", "0", "4") "," ENTRY("cube", "F32", "1,1,1", "4", "8") "," ENTRY(
                   "line", "F32", "2", "8", "16") "," ENTRY("empty", "F32", "0,7", "16",
                                                            "16") "," ENTRY("scalar", "F32", "", "16",
                                                                            "20") "," ENTRY("odd", "F4", "2",
                                                                                            "20", "21") "}   ",
               21);
    assert_int_equal(cps_safetensors_open(in_folder("f"), &file), CPS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_safetensors_view view;
        enum cps_status status = cps_safetensors_find(file, cases[i].name, &view);
        assert_int_equal(status, cases[i].cause ? CPS_ERR_DATA : CPS_OK);
        if (cases[i].cause) {
            assert_contains(cps_error_text(), cases[i].cause);
        } else {
            assert_int_equal(view.rows, cases[i].rows);
            assert_int_equal(view.columns, cases[i].columns);
        }
    }
    cps_safetensors_close(&file);
}

#define each(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        each(reads_back_what_was_written),
        each(order_of_rows_does_not_show),
        each(data_start_aligned),
        each(large_tensors_are_whole),
        each(missing_row_is_told),
        each(rows_outside_are_refused),
        each(unwritable_place_is_a_storage_error),
        each(broken_headers_are_refused),
        each(broken_lengths_are_refused),
        each(no_damage_does_harm),
        each(other_kinds_are_refused_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
