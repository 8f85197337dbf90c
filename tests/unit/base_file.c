/* Mapped reads, atomic writes, folders, and SHA-256, on real files. */
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/sha256.h"
#include "tests/unit/check.h"

static char folder[256];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/cps-file-XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of name in the test's folder; good until the fourth call after. */
static const char *path_of(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int entries(void)
{
    int count = -2; /* the dots */
    DIR *list = opendir(folder);
    assert_non_null(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static void check_content(const char *path, const char *want, size_t size)
{
    struct cps_file_map map;
    check_ok(cps_file_map(&map, path, CPS_ERR_DATA));
    check_int(map.size, size, "bytes of '%s'", path);
    if (size)
        assert_memory_equal(map.data, want, size);
    cps_file_unmap(&map);
}

static void a_file_appears_when_it_is_complete(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    const char *path = path_of("model");
    check_ok(cps_atomic_file_open(&file, path));
    check_ok(cps_atomic_file_write(&file, "half ", 5));
    assert_int_not_equal(access(path, F_OK), 0);
    check_ok(cps_atomic_file_write(&file, "and half", 8));
    check_ok(cps_atomic_file_commit(&file));
    check_content(path, "half and half", 13);
    check_int(entries(), 1, "entries");
}

static void an_old_file_stands_until_the_new_is_complete(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    const char *path = path_of("model");
    check_ok(cps_file_replace(path, "old", 3));
    check_ok(cps_atomic_file_open(&file, path));
    check_ok(cps_atomic_file_write(&file, "newer", 5));
    check_content(path, "old", 3);
    check_ok(cps_atomic_file_commit(&file));
    check_content(path, "newer", 5);
    check_int(entries(), 1, "entries");
}

static void an_abort_leaves_nothing(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    check_ok(cps_atomic_file_open(&file, path_of("model")));
    check_ok(cps_atomic_file_write(&file, "x", 1));
    cps_atomic_file_abort(&file);
    cps_atomic_file_abort(&file);
    check_int(entries(), 0, "entries");

    check_ok(cps_file_replace(path_of("model"), "old", 3));
    check_ok(cps_atomic_file_open(&file, path_of("model")));
    cps_atomic_file_abort(&file);
    check_content(path_of("model"), "old", 3);
    check_int(entries(), 1, "entries");
}

static void parts_are_written_where_they_belong(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    check_ok(cps_atomic_file_open(&file, path_of("rows")));
    check_ok(cps_atomic_file_write_at(&file, "cd", 2, 6));
    check_ok(cps_atomic_file_write_at(&file, "ab", 2, 0));
    check_ok(cps_atomic_file_commit(&file));
    check_content(path_of("rows"), "ab\0\0\0\0cd", 8);
}

static void an_empty_file_can_be_written(void **state)
{
    (void)state;
    check_ok(cps_file_replace(path_of("empty"), NULL, 0));
    check_content(path_of("empty"), "", 0);
}

static void what_cannot_be_written_names_the_path(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    char deep[5000];
    memset(deep, 'd', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    check_fails(cps_atomic_file_open(&file, path_of("no/such/place")), CPS_ERR_STORAGE, "no/such/place'");
    cps_atomic_file_abort(&file);
    check_fails(cps_atomic_file_open(&file, deep), CPS_ERR_STORAGE, "too long");
    cps_atomic_file_abort(&file);
    check_ok(cps_make_folders(path_of("taken/by")));
    check_fails(cps_file_replace(path_of("taken"), "x", 1), CPS_ERR_STORAGE, "taken'");
    check_int(entries(), 1, "entries");
}

/* A limit on file sizes stands for the full disk: a part is written, then none. */
static void a_write_cut_short_leaves_the_old_file(void **state)
{
    (void)state;
    static const char bytes[20000];
    struct rlimit old, small;
    check_ok(cps_file_replace(path_of("model"), "old", 3));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 5000, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum cps_status got = cps_file_replace(path_of("model"), bytes, sizeof bytes);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    check_int(got, CPS_ERR_STORAGE, "status of a write that does not fit");
    assert_non_null(strstr(cps_error_text(), "model'"));
    check_content(path_of("model"), "old", 3);
    check_int(entries(), 1, "entries");
}

static void maps_hold_the_whole_file(void **state)
{
    (void)state;
    static char bytes[70000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31);
    check_ok(cps_file_replace(path_of("big"), bytes, sizeof bytes));
    check_content(path_of("big"), bytes, sizeof bytes);
}

static void an_empty_file_maps_to_nothing(void **state)
{
    (void)state;
    struct cps_file_map map;
    check_ok(cps_file_replace(path_of("empty"), "", 0));
    check_ok(cps_file_map(&map, path_of("empty"), CPS_ERR_DATA));
    assert_null(map.data);
    check_int(map.size, 0, "bytes");
    cps_file_unmap(&map);
    cps_file_unmap(&map);
}

static void what_is_not_a_file_is_refused(void **state)
{
    (void)state;
    struct cps_file_map map;
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    static const enum cps_status as[] = {CPS_ERR_DATA, CPS_ERR_USAGE, CPS_ERR_STORAGE};
    for (size_t i = 0; i < COUNT_OF(as); i++) {
        check_fails(cps_file_map(&map, path_of("."), as[i]), as[i], "folder");
        check_fails(cps_file_map(&map, path_of("pipe"), as[i]), as[i], "not a regular file");
        check_fails(cps_file_map(&map, "/dev/null", as[i]), as[i], "not a regular file");
        check_fails(cps_file_map(&map, path_of("missing"), as[i]), as[i], "missing'");
        assert_null(map.data);
    }
}

static void folders_are_made_with_those_above(void **state)
{
    (void)state;
    struct stat info;
    check_ok(cps_make_folders(path_of("a/b/c")));
    check_ok(cps_make_folders(path_of("a/b/c")));
    check_ok(cps_make_folders(path_of("a/b/d/")));
    assert_int_equal(stat(path_of("a/b/c"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(stat(path_of("a/b/d"), &info), 0);
    check_ok(cps_file_replace(path_of("file"), "x", 1));
    check_fails(cps_make_folders(path_of("file")), CPS_ERR_STORAGE, "in the way");
    check_fails(cps_make_folders(path_of("file/below")), CPS_ERR_STORAGE, "file");
    check_fails(cps_make_folders(""), CPS_ERR_STORAGE, "cannot make folder");
}

/* Feeds text, repeated, in pieces of a given size. */
static void digest_of(const char *text, size_t repeat, size_t piece, char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_sha256 *hash;
    uint8_t digest[CPS_SHA256_BYTES];
    check_ok(cps_sha256_create(&hash));
    size_t length = strlen(text);
    for (size_t i = 0; i < repeat; i++)
        for (size_t at = 0; at < length; at += piece)
            cps_sha256_add(hash, text + at, at + piece < length ? piece : length - at);
    cps_sha256_finish(hash, digest);
    cps_sha256_destroy(&hash);
    assert_null(hash);
    cps_sha256_to_hex(digest, hex);
}

/* The examples of FIPS 180-4. */
static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t repeat;
        const char *hex;
    } cases[] = {
        {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    static const size_t pieces[] = {1, 7, 64, 1000};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t p = 0; p < COUNT_OF(pieces); p++) {
            char hex[CPS_SHA256_HEX_BYTES];
            digest_of(cases[i].text, cases[i].repeat, pieces[p], hex);
            assert_string_equal(hex, cases[i].hex);
        }
}

#define file_test(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_appears_when_it_is_complete),
        file_test(an_old_file_stands_until_the_new_is_complete),
        file_test(an_abort_leaves_nothing),
        file_test(parts_are_written_where_they_belong),
        file_test(an_empty_file_can_be_written),
        file_test(what_cannot_be_written_names_the_path),
        file_test(a_write_cut_short_leaves_the_old_file),
        file_test(maps_hold_the_whole_file),
        file_test(an_empty_file_maps_to_nothing),
        file_test(what_is_not_a_file_is_refused),
        file_test(folders_are_made_with_those_above),
        cmocka_unit_test(sha256_gives_the_published_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
