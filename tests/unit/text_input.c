/* From the bytes of a file to its text: compressed, UTF-16, carriage returns, and what is no text at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zip.h>
#include <zlib.h>

#include "common/base/text.h"
#include "common/text/input.h"

static const char ratings[] = "user,item,rating\n1,2,3\n4,5,6\n";

static enum cps_status decode(const void *bytes, size_t size, bool latin1, struct cps_text *decoded,
                              struct cps_source *source)
{
    *source = (struct cps_source){.path = "r", .data = bytes, .size = size};
    cps_error_clear();
    return cps_input_decode(decoded, latin1, source);
}

static void check_text(const char *name, const void *bytes, size_t size, bool latin1, const char *want)
{
    struct cps_text decoded = {0};
    struct cps_source source;
    if (decode(bytes, size, latin1, &decoded, &source) != CPS_OK)
        fail_msg("%s: %s", name, cps_error_text());
    if (source.size != strlen(want) || (source.size && memcmp(source.data, want, source.size) != 0))
        fail_msg("%s: got '%.*s'", name, (int)source.size, source.data);
    cps_text_release(&decoded);
}

static void check_refused(const void *bytes, size_t size, const char *want)
{
    struct cps_text decoded = {0};
    struct cps_source source;
    if (decode(bytes, size, false, &decoded, &source) == CPS_OK)
        fail_msg("taken, but should be: %s", want);
    if (!strstr(cps_error_text(), want))
        fail_msg("want %s, got %s", want, cps_error_text());
    cps_text_release(&decoded);
}

static void encodings_are_decoded(void **state)
{
    (void)state;
    check_text("plain", "1,2,3\n", 6, false, "1,2,3\n");
    check_text("nothing", NULL, 0, false, "");
    check_text("carriage returns", "1,2,3\r4,5,6\r", 12, false, "1,2,3\n4,5,6\n");
    check_text("both", "1,2,3\r\n4,5,6\r\n", 14, false, "1,2,3\r\n4,5,6\r\n");
    check_text("UTF-16, little",
               "\xFF\xFE"
               "a\0,\0\xE9\0\xAC\x20\x3C\xD8\xAC\xDF",
               14, false, "a,\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\xAC");
    check_text("UTF-16, big", "\xFE\xFF\0a\0\r\0b", 8, false, "a\nb");
    check_text("Latin-1", "caf\xE9", 4, true, "caf\xC3\xA9");
    check_text("Latin-1 that is UTF-8", "caf\xC3\xA9", 5, true, "caf\xC3\xA9");
    check_text("bytes that begin as UTF-16 and are not", "\xFF\xFE,6,3\n", 7, false, "\xFF\xFE,6,3\n");
    check_refused("\xFF\xFE"
                  "a\0\x3C\xD8",
                  6, "'r' starts like UTF-16 but is malformed");
    check_refused("\xFF\xFE"
                  "a\0b",
                  5, "'r' starts like UTF-16 but is malformed");
}

static size_t gzip(const char *text, size_t length, unsigned char *out, size_t room)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = room - stream.avail_out;
    deflateEnd(&stream);
    return size;
}

static void gzip_is_unpacked(void **state)
{
    (void)state;
    unsigned char packed[1024];
    size_t first = gzip(ratings, 10, packed, sizeof packed);
    size_t size = first + gzip(ratings + 10, sizeof ratings - 11, packed + first, sizeof packed - first);
    check_text("two members", packed, size, false, ratings);
    for (size_t cut = 2; cut < first; cut++)
        check_refused(packed, cut, "'r' is a damaged or truncated gzip file");
    for (size_t bad = 10; bad < first; bad++) {
        packed[bad] ^= 0x55;
        check_refused(packed, size, "'r' is a damaged or truncated gzip file");
        packed[bad] ^= 0x55;
    }
}

/* Text that is more than one piece of output. */
static void much_is_unpacked(void **state)
{
    (void)state;
    size_t length = 3 << 20;
    char *text = malloc(length + 1);
    unsigned char *packed = malloc(length);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('0' + i * 2654435761u % 10);
    text[length] = '\0';
    check_text("three megabytes", packed, gzip(text, length, packed, length), false, text);
    free(text);
    free(packed);
}

/* An archive of the files in the list, in memory. */
static void *make_zip(const char *const names[], size_t *size)
{
    zip_error_t error;
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, &error);
    assert_non_null(archive);
    zip_source_keep(source);
    for (int i = 0; names[i]; i++) {
        if (names[i][strlen(names[i]) - 1] == '/')
            zip_dir_add(archive, names[i], 0);
        else
            zip_file_add(archive, names[i], zip_source_buffer(archive, ratings, sizeof ratings - 1, 0), 0);
    }
    assert_int_equal(zip_close(archive), 0);
    zip_stat_t about;
    zip_source_stat(source, &about);
    void *bytes = malloc(about.size);
    zip_source_open(source);
    *size = (size_t)zip_source_read(source, bytes, about.size);
    zip_source_close(source);
    zip_source_free(source);
    return bytes;
}

static void a_zip_of_one_file_is_unpacked(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = make_zip((const char *const[]){"ml/", "ml/ratings.csv", NULL}, &size);
    check_text("one file", bytes, size, false, ratings);
    check_refused(bytes, size - 30, "'r' is a damaged or truncated zip archive");
    bytes[60] ^= 0xFF; /* of the packed bytes */
    check_refused(bytes, size, "'r' is a damaged or truncated zip archive");
    free(bytes);
    bytes = make_zip((const char *const[]){"a.csv", "b.csv", NULL}, &size);
    check_refused(bytes, size, "the zip archive 'r' holds 2 files, not one");
    free(bytes);
    bytes = make_zip((const char *const[]){"[Content_Types].xml", "xl/sheet1.xml", NULL}, &size);
    check_refused(bytes, size, "'r' is a workbook or another office document, not text");
    free(bytes);
}

static void other_files_are_named(void **state)
{
    (void)state;
    check_refused("PAR1....", 8, "'r' is a Parquet file, not text");
    check_refused("BZh91AY", 7, "'r' is compressed with bzip2, not text");
    check_refused("SQLite format 3\0", 16, "'r' is an SQLite database, not text");
    check_refused("\x28\xB5\x2F\xFD....", 8, "'r' is compressed with zstd, not text");
    check_refused("\x80\x04\x95....", 7, "'r' is a Python pickle, not text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_are_decoded), cmocka_unit_test(gzip_is_unpacked),
        cmocka_unit_test(much_is_unpacked),      cmocka_unit_test(a_zip_of_one_file_is_unpacked),
        cmocka_unit_test(other_files_are_named),
    };
    return cmocka_run_group_tests_name("text_input", tests, NULL, NULL);
}
