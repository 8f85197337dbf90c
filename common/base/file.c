/* Mapped reads and atomic writes. */
#include "common/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cps_status check_regular(int fd, const char *path, enum cps_status fail_as, size_t *size)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return cps_fail(fail_as, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return cps_fail(fail_as, "cannot read '%s': %s", path,
                        S_ISDIR(info.st_mode) ? "it is a folder, not a file" : "not a regular file");
    *size = (size_t)info.st_size;
    return CPS_OK;
}

enum cps_status cps_file_open(const char *path, enum cps_status fail_as, int *fd, size_t *size)
{
    /* O_NONBLOCK: a FIFO is refused below instead of waited for. */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0)
        return cps_fail(fail_as, "cannot open '%s': %s", path, strerror(errno));
    enum cps_status status = check_regular(opened, path, fail_as, size);
    if (status == CPS_OK)
        *fd = opened;
    else
        close(opened);
    return status;
}

static enum cps_status map_open_file(struct cps_file_map *self, const char *path, int fd, size_t size,
                                     enum cps_status fail_as)
{
    if (size == 0)
        return CPS_OK;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED && errno == ENOMEM)
        return cps_fail_memory(path, size);
    if (data == MAP_FAILED)
        return cps_fail(fail_as, "cannot map '%s': %s", path, strerror(errno));
    *self = (struct cps_file_map){.data = data, .size = size};
    return CPS_OK;
}

enum cps_status cps_file_map(struct cps_file_map *self, const char *path, enum cps_status fail_as)
{
    int fd = -1;
    size_t size = 0;
    *self = (struct cps_file_map){0};
    CPS_TRY(cps_file_open(path, fail_as, &fd, &size));
    enum cps_status status = map_open_file(self, path, fd, size, fail_as);
    close(fd);
    return status;
}

void cps_file_unmap(struct cps_file_map *self)
{
    if (self->data)
        munmap((void *)(uintptr_t)self->data, self->size);
    *self = (struct cps_file_map){0};
}

static enum cps_status storage_error(const struct cps_atomic_file *self, const char *verb)
{
    return cps_fail(CPS_ERR_STORAGE, "cannot %s '%s': %s", verb, self->path, strerror(errno));
}

enum cps_status cps_atomic_file_open(struct cps_atomic_file *self, const char *path)
{
    self->fd = -1;
    int length = snprintf(self->path, sizeof self->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof self->path)
        return cps_fail(CPS_ERR_STORAGE, "cannot write '%.64s…': the path is too long", path);
    static atomic_uint opened; /* two threads may write one path */
    snprintf(self->temporary, sizeof self->temporary, "%s.%ld%03u.tmp", path, (long)getpid(),
             atomic_fetch_add(&opened, 1) % 1000);
    self->fd = open(self->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (self->fd < 0)
        return storage_error(self, "write");
    return CPS_OK;
}

enum cps_status cps_atomic_file_write(struct cps_atomic_file *self, const void *bytes, size_t count)
{
    const char *next = bytes;
    while (count > 0) {
        ssize_t done = write(self->fd, next, count);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return storage_error(self, "write");
        next += done;
        count -= (size_t)done;
    }
    return CPS_OK;
}

enum cps_status cps_atomic_file_write_at(struct cps_atomic_file *self, const void *bytes, size_t count,
                                         uint64_t offset)
{
    const char *next = bytes;
    while (count > 0) {
        ssize_t done = pwrite(self->fd, next, count, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return storage_error(self, "write");
        next += done;
        offset += (uint64_t)done;
        count -= (size_t)done;
    }
    return CPS_OK;
}

enum cps_status cps_atomic_file_check(struct cps_atomic_file *self, const void *bytes, size_t count)
{
    const char *next = bytes;
    char piece[4096];
    for (uint64_t offset = 0; count > 0;) {
        size_t wanted = count < sizeof piece ? count : sizeof piece;
        ssize_t done = pread(self->fd, piece, wanted, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return storage_error(self, "read back");
        if (done == 0 || memcmp(piece, next, (size_t)done) != 0)
            return cps_fail(CPS_ERR_STORAGE,
                            "cannot write '%s': reading it back gives other bytes than were written",
                            self->path);
        next += done;
        offset += (uint64_t)done;
        count -= (size_t)done;
    }
    return CPS_OK;
}

/* Renames the temporary file to its final name if status, that of the steps before, is CPS_OK. */
static enum cps_status publish(struct cps_atomic_file *self, enum cps_status status)
{
    if (close(self->fd) != 0 && status == CPS_OK)
        status = storage_error(self, "close");
    self->fd = -1;
    if (status == CPS_OK && rename(self->temporary, self->path) != 0)
        status = storage_error(self, "rename to");
    if (status != CPS_OK)
        unlink(self->temporary);
    return status;
}

enum cps_status cps_atomic_file_commit(struct cps_atomic_file *self)
{
    return publish(self, fsync(self->fd) == 0 ? CPS_OK : storage_error(self, "flush"));
}

enum cps_status cps_atomic_file_commit_at_once(struct cps_atomic_file *self)
{
    return publish(self, CPS_OK);
}

void cps_atomic_file_abort(struct cps_atomic_file *self)
{
    if (self->fd < 0)
        return;
    close(self->fd);
    self->fd = -1;
    unlink(self->temporary);
}

/* Writes and checks the temporary file, without renaming it. */
static enum cps_status write_whole(struct cps_atomic_file *self, const char *path, const void *bytes,
                                   size_t count)
{
    CPS_TRY(cps_atomic_file_open(self, path));
    enum cps_status status = cps_atomic_file_write(self, bytes, count);
    if (status == CPS_OK)
        status = cps_atomic_file_check(self, bytes, count);
    if (status != CPS_OK)
        cps_atomic_file_abort(self);
    return status;
}

enum cps_status cps_file_replace(const char *path, const void *bytes, size_t count)
{
    struct cps_atomic_file file;
    CPS_TRY(write_whole(&file, path, bytes, count));
    return cps_atomic_file_commit(&file);
}

enum cps_status cps_sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cps_fail(CPS_ERR_STORAGE, "cannot open '%s': %s", path, strerror(errno));
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    /* Some file systems do not support syncing a folder. */
    if (error && error != EINVAL)
        return cps_fail(CPS_ERR_STORAGE, "cannot flush '%s': %s", path, strerror(error));
    return CPS_OK;
}

enum cps_status cps_file_replace_at_once(const char *path, const void *bytes, size_t count)
{
    struct cps_atomic_file file;
    CPS_TRY(write_whole(&file, path, bytes, count));
    return cps_atomic_file_commit_at_once(&file);
}

enum cps_status cps_make_folders(const char *path)
{
    char partial[4096];
    int length = snprintf(partial, sizeof partial, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof partial)
        return cps_fail(CPS_ERR_STORAGE, "cannot make folder '%.64s': bad path length", path);
    for (char *slash = partial + 1;; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        char kept = *slash;
        *slash = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return cps_fail(CPS_ERR_STORAGE, "cannot make folder '%s': %s", partial, strerror(errno));
        *slash = kept;
        if (kept == '\0')
            break;
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return cps_fail(CPS_ERR_STORAGE, "cannot make folder '%s': a file of that name is in the way", path);
    return CPS_OK;
}
