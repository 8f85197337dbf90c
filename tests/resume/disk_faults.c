/*
 * Injects disk faults by LD_PRELOAD: calls that write to files under a path are counted, and some fail.
 *
 *     FAULT_PATH=part     only calls on files whose path contains this text count
 *     FAULT_AT=n          the n-th of them fails (from 1) ...
 *     FAULT_FOR=k         ... and the k-1 after it (1 when not given)
 *     FAULT_ERRNO=number  with this error (EIO when not given)
 *     FAULT_COUNT=file    at exit their number is written to this file
 *     FAULT_SLOW_MS=n     each fsync among them takes n ms more
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static bool is_meant(const char *path)
{
    const char *part = getenv("FAULT_PATH");
    return part && path && strstr(path, part);
}

static bool is_meant_file(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return is_meant(path);
}

/* Counts a call if it is meant; returns whether it must fail. */
static bool fails(bool meant)
{
    long at = number("FAULT_AT", 0);
    if (!meant)
        return false;
    long now = ++calls;
    if (at == 0 || now < at || now >= at + number("FAULT_FOR", 1))
        return false;
    errno = (int)number("FAULT_ERRNO", EIO);
    return true;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = real("open");
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails((flags & O_CREAT) && is_meant(path)) ? -1 : next(path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count)
{
    ssize_t (*next)(int, const void *, size_t) = real("write");
    return fails(is_meant_file(file)) ? -1 : next(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t) = real("pwrite");
    return fails(is_meant_file(file)) ? -1 : next(file, bytes, count, offset);
}

int fsync(int file)
{
    int (*next)(int) = real("fsync");
    bool meant = is_meant_file(file);
    if (meant)
        usleep((useconds_t)number("FAULT_SLOW_MS", 0) * 1000);
    return fails(meant) ? -1 : next(file);
}

int close(int file)
{
    int (*next)(int) = real("close");
    bool failing = fails(is_meant_file(file));
    int error = errno, result = next(file);
    errno = error;
    return failing ? -1 : result;
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = real("rename");
    return fails(is_meant(to)) ? -1 : next(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = real("mkdir");
    return fails(is_meant(path)) ? -1 : next(path, mode);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", calls);
        fclose(file);
    }
}
