/*
 * Append-only files, flushed in whole records; see append.h. A run's step log, metrics.jsonl and
 * TensorBoard events are such files.
 *
 *     | kept_bytes: on file, never rewritten | leaving: being written | tail: grows |
 */
#include "common/base/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cps_status append_error(const struct cps_append_file *self, int error)
{
    return cps_fail(CPS_ERR_STORAGE, "cannot write '%s': %s", self->path, strerror(error));
}

/* Writes `leaving` at offset kept_bytes; returns 0 or an errno value. */
static int write_leaving(const struct cps_append_file *self)
{
    for (size_t done = 0; done < self->leaving.length;) {
        ssize_t count = pwrite(self->fd, self->leaving.data + done, self->leaving.length - done,
                               (off_t)(self->kept_bytes + done));
        if (count < 0 && errno != EINTR)
            return errno;
        done += count < 0 ? 0 : (size_t)count;
    }
    return 0;
}

bool cps_append_file_hand_over(struct cps_append_file *self)
{
    if (self->leaving.length == 0) {
        struct cps_text empty = self->leaving;
        self->handed_bytes += self->tail.length;
        self->leaving = self->tail;
        self->tail = empty;
    }
    return self->leaving.length > 0;
}

enum cps_status cps_append_file_write(struct cps_append_file *self)
{
    int error = write_leaving(self);
    if (error == 0) {
        self->kept_bytes += self->leaving.length;
        cps_text_clear(&self->leaving);
        return CPS_OK;
    }
    if (ftruncate(self->fd, (off_t)self->kept_bytes) != 0)
        return append_error(self, errno);
    return append_error(self, error);
}

enum cps_status cps_append_file_flush(struct cps_append_file *self)
{
    while (cps_append_file_hand_over(self))
        CPS_TRY(cps_append_file_write(self));
    return CPS_OK;
}

static enum cps_status open_at(struct cps_append_file *self, const char *path, int flags)
{
    *self = (struct cps_append_file){.fd = -1};
    int length = snprintf(self->path, sizeof self->path, "%s", path);
    if (length < 0 || (size_t)length >= sizeof self->path)
        return append_error(self, ENAMETOOLONG);
    self->fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0666);
    return self->fd < 0 ? append_error(self, errno) : CPS_OK;
}

/* The offset just past the last newline among the first size bytes; 0 if there is none. */
static uint64_t last_line_end(const struct cps_append_file *self, uint64_t size)
{
    char byte = '\0';
    while (size > 0 && !(pread(self->fd, &byte, 1, (off_t)size - 1) == 1 && byte == '\n'))
        size--;
    return size;
}

enum cps_status cps_append_file_continue(struct cps_append_file *self, const char *path, uint64_t bytes,
                                         bool *is_short)
{
    struct stat info;
    CPS_TRY(open_at(self, path, 0));
    if (fstat(self->fd, &info) != 0)
        return append_error(self, errno);
    *is_short = (uint64_t)info.st_size < bytes;
    self->kept_bytes = *is_short ? last_line_end(self, (uint64_t)info.st_size) : bytes;
    self->handed_bytes = self->kept_bytes;
    return ftruncate(self->fd, (off_t)self->kept_bytes) == 0 ? CPS_OK : append_error(self, errno);
}

enum cps_status cps_append_file_open(struct cps_append_file *self, const char *path, const void *start,
                                     size_t count)
{
    CPS_TRY(open_at(self, path, O_TRUNC));
    CPS_TRY(cps_text_add_bytes(&self->tail, start, count));
    return cps_append_file_flush(self);
}

enum cps_status cps_append_file_close(struct cps_append_file *self)
{
    if (self->fd < 0)
        return CPS_OK;
    enum cps_status status = cps_append_file_flush(self);
    if (status == CPS_OK && fsync(self->fd) != 0)
        status = append_error(self, errno);
    if (close(self->fd) != 0 && status == CPS_OK)
        status = append_error(self, errno);
    self->fd = -1;
    cps_text_release(&self->tail);
    cps_text_release(&self->leaving);
    return status;
}
