/* See spill.h. The file has no name from the start, or loses it at once: nothing is left of it after a crash.
 */
#include "common/base/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *folder(void)
{
    const char *named = getenv("TMPDIR");
    return named && named[0] ? named : "/var/tmp";
}

static enum cps_status storage_error(const char *verb, const char *what)
{
    cps_fail(CPS_ERR_STORAGE, "cannot %s a temporary file for %s in '%.300s': %s", verb, what, folder(),
             strerror(errno));
    return cps_hint(CPS_ERR_STORAGE, "TMPDIR=FOLDER gives another folder");
}

static int open_unnamed(void)
{
    char path[4096];
    int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    int length = snprintf(path, sizeof path, "%s/collab-ps.XXXXXX", folder());
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

enum cps_status cps_spill_create(struct cps_spill *self, const char *what, uint64_t bytes)
{
    *self = (struct cps_spill){.fd = open_unnamed(), .bytes = bytes};
    if (self->fd < 0)
        return storage_error("create", what);
    int error = bytes ? posix_fallocate(self->fd, 0, (off_t)bytes) : 0;
    if (!error)
        return CPS_OK;
    cps_spill_release(self);
    errno = error;
    return storage_error("reserve", what);
}

void cps_spill_release(struct cps_spill *self)
{
    if (self->map)
        munmap((void *)(uintptr_t)self->map, self->bytes);
    if (self->fd >= 0)
        close(self->fd);
    *self = (struct cps_spill){.fd = -1};
}

enum cps_status cps_spill_write(const struct cps_spill *self, const void *bytes, uint64_t count,
                                uint64_t offset)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t done = pwrite(self->fd, at, count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return storage_error("write", "ratings");
        at += done;
        count -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return CPS_OK;
}

enum cps_status cps_spill_read(const struct cps_spill *self, void *bytes, uint64_t count, uint64_t offset)
{
    char *at = bytes;
    while (count > 0) {
        ssize_t done = pread(self->fd, at, count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return storage_error("read", "ratings");
        at += done;
        count -= (uint64_t)done;
        offset += (uint64_t)done;
    }
    return CPS_OK;
}

enum cps_status cps_spill_map(struct cps_spill *self)
{
    if (self->bytes == 0)
        return CPS_OK;
    void *map = mmap(NULL, self->bytes, PROT_READ, MAP_SHARED, self->fd, 0);
    if (map == MAP_FAILED)
        return storage_error("map", "ratings");
    self->map = map;
    return CPS_OK;
}

static void advise(const struct cps_spill *self, uint64_t offset, uint64_t count, int advice)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t begin = offset / page * page, end = offset + count;
    if (begin < end)
        madvise((char *)(uintptr_t)self->map + begin, end - begin, advice); /* may be ignored */
}

void cps_spill_expect(const struct cps_spill *self, uint64_t offset, uint64_t count)
{
    advise(self, offset, count, MADV_WILLNEED);
}

void cps_spill_forget(const struct cps_spill *self, uint64_t offset, uint64_t count)
{
    advise(self, offset, count, MADV_DONTNEED);
    posix_fadvise(self->fd, (off_t)offset, (off_t)count, POSIX_FADV_DONTNEED);
}

enum cps_status cps_spill_enlarge(struct cps_spill *self, uint64_t bytes, void **map)
{
    void *moved;
    int error = posix_fallocate(self->fd, (off_t)self->bytes, (off_t)(bytes - self->bytes));
    if (error) {
        errno = error;
        return storage_error("enlarge", "ratings");
    }
    if (self->map) {
        sync_file_range(self->fd, 0, (off_t)self->bytes, SYNC_FILE_RANGE_WRITE);
        cps_spill_forget(self, 0, self->bytes);
        moved = mremap((void *)(uintptr_t)self->map, self->bytes, bytes, MREMAP_MAYMOVE);
    } else {
        moved = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
    }
    if (moved == MAP_FAILED)
        return storage_error("map", "ratings");
    self->map = *map = moved;
    self->bytes = bytes;
    return CPS_OK;
}
