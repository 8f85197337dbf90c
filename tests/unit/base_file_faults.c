/* Atomic and growing files on a system that fails: each call of it is stood in for and may be told how to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/append.h"
#include "common/base/file.h"
#include "tests/unit/check.h"

int __real_fsync(int fd);
int __real_close(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __real_pwrite(int fd, const void *bytes, size_t count, off_t offset);
ssize_t __real_pread(int fd, void *bytes, size_t count, off_t offset);
int __wrap_fsync(int fd);
int __wrap_close(int fd);
int __wrap_rename(const char *from, const char *to);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t count, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset);

/* Each fails with its errno so many times; short counts writes that take one byte only. */
struct fault {
    int error, times;
};

static struct fault fsync_fault, close_fault, rename_fault, write_fault, pread_fault;
static int short_writes, damaged_reads, fsyncs, renames, renames_before_fsync;

static bool fails(struct fault *fault)
{
    if (fault->times <= 0)
        return false;
    fault->times--;
    errno = fault->error;
    return true;
}

int __wrap_fsync(int fd)
{
    fsyncs++;
    return fails(&fsync_fault) ? -1 : __real_fsync(fd);
}

int __wrap_close(int fd)
{
    int code = __real_close(fd);
    return fails(&close_fault) ? -1 : code;
}

int __wrap_rename(const char *from, const char *to)
{
    renames++;
    renames_before_fsync += fsyncs == 0;
    return fails(&rename_fault) ? -1 : __real_rename(from, to);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
    if (fails(&write_fault))
        return -1;
    return __real_write(fd, bytes, short_writes-- > 0 && count > 1 ? 1 : count);
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    if (fails(&write_fault))
        return -1;
    return __real_pwrite(fd, bytes, short_writes-- > 0 && count > 1 ? 1 : count, offset);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset)
{
    if (fails(&pread_fault))
        return -1;
    ssize_t done = __real_pread(fd, bytes, count, offset);
    if (damaged_reads-- > 0 && done > 0)
        ((char *)bytes)[0] ^= 1;
    return done;
}

static char folder[256], path[512];

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/cps-faults-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    fsync_fault = close_fault = rename_fault = write_fault = pread_fault = (struct fault){0, 0};
    short_writes = damaged_reads = fsyncs = renames = renames_before_fsync = 0;
    return 0;
}

/* Also sees that nothing is left but the file. */
static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const char bytes[] = "what is to be kept";

static void check_holds(const char *want)
{
    struct cps_file_map map;
    check_ok(cps_file_map(&map, path, CPS_ERR_DATA));
    check_int(map.size, strlen(want), "size");
    assert_memory_equal(map.data, want, map.size);
    cps_file_unmap(&map);
}

static void a_file_has_its_name_only_once_it_is_on_the_disk(void **state)
{
    (void)state;
    check_ok(cps_file_replace(path, bytes, strlen(bytes)));
    check_int(fsyncs, 1, "fsyncs");
    check_int(renames, 1, "renames");
    check_int(renames_before_fsync, 0, "renames before an fsync");
    check_holds(bytes);
    check_ok(cps_file_replace_at_once(path, "last words", 10));
    check_int(fsyncs, 1, "fsyncs of a file that cannot wait");
    check_holds("last words");
}

static void what_fails_keeps_the_old_file(void **state)
{
    (void)state;
    static const struct {
        struct fault *fault;
        int error;
        const char *says;
        int renames;
    } cases[] = {{&fsync_fault, EIO, "cannot flush", 0},
                 {&close_fault, EDQUOT, "cannot close", 0},
                 {&rename_fault, EACCES, "cannot rename to", 1},
                 {&write_fault, ENOSPC, "cannot write", 0},
                 {&pread_fault, EIO, "cannot read back", 0}};
    check_ok(cps_file_replace(path, "the old one", 11));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        renames = 0;
        *cases[i].fault = (struct fault){cases[i].error, 1};
        check_fails(cps_file_replace(path, bytes, strlen(bytes)), CPS_ERR_STORAGE, cases[i].says);
        assert_non_null(strstr(cps_error_text(), path));
        check_int(renames, cases[i].renames, "renames of case %zu", i);
        check_holds("the old one");
    }
    damaged_reads = 1;
    check_fails(cps_file_replace(path, bytes, strlen(bytes)), CPS_ERR_STORAGE, "other bytes");
    check_holds("the old one");
}

static void interrupted_and_short_calls_go_on(void **state)
{
    (void)state;
    struct cps_atomic_file file;
    write_fault = (struct fault){EINTR, 3};
    short_writes = 5;
    pread_fault = (struct fault){EINTR, 2};
    check_ok(cps_file_replace(path, bytes, strlen(bytes)));
    check_holds(bytes);
    write_fault = (struct fault){EINTR, 3};
    short_writes = 5;
    check_ok(cps_atomic_file_open(&file, path));
    check_ok(cps_atomic_file_write_at(&file, bytes + 4, strlen(bytes) - 4, 4));
    check_ok(cps_atomic_file_write_at(&file, bytes, 4, 0));
    check_ok(cps_atomic_file_commit(&file));
    check_holds(bytes);
}

static void a_growing_file_keeps_what_did_not_fit_for_another_try(void **state)
{
    (void)state;
    struct cps_append_file file;
    check_ok(cps_append_file_open(&file, path, "head\n", 5));
    write_fault = (struct fault){EINTR, 2};
    check_ok(cps_text_add(&file.tail, "one\n"));
    check_ok(cps_append_file_flush(&file));
    short_writes = 1;
    write_fault = (struct fault){ENOSPC, 0};
    check_ok(cps_text_add(&file.tail, "two\n"));
    assert_true(cps_append_file_hand_over(&file));
    check_ok(cps_text_add(&file.tail, "three\n"));
    assert_true(cps_append_file_hand_over(&file)); /* "two" is on its way: nothing is added to it */
    check_int(file.leaving.length, 4, "bytes on their way");
    write_fault = (struct fault){ENOSPC, 1};
    check_fails(cps_append_file_write(&file), CPS_ERR_STORAGE, "No space left");
    check_holds("head\none\n");
    check_ok(cps_append_file_flush(&file));
    assert_false(cps_append_file_hand_over(&file));
    fsyncs = 0;
    check_ok(cps_append_file_close(&file));
    check_int(fsyncs, 1, "fsyncs at the end");
    check_holds("head\none\ntwo\nthree\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_file_has_its_name_only_once_it_is_on_the_disk),
        TEST(what_fails_keeps_the_old_file),
        TEST(interrupted_and_short_calls_go_on),
        TEST(a_growing_file_keeps_what_did_not_fit_for_another_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
