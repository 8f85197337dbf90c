/* Files read by mapping and written so that a reader sees the old or the new, never half. */
#ifndef CPS_BASE_FILE_H
#define CPS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Opens path to be read: the caller closes *fd; *size is in bytes. fail_as is the status of any
 * error (CPS_ERR_DATA, say); a directory or another non-regular file is one. */
enum cps_status cps_file_open(const char *path, enum cps_status fail_as, int *fd, size_t *size);

/* A whole regular file, read-only. */
struct cps_file_map {
    const char *data; /* not NUL-terminated; NULL when the file is empty */
    size_t size;      /* bytes */
};

/* Maps path; errors are those of cps_file_open(). */
enum cps_status cps_file_map(struct cps_file_map *self, const char *path, enum cps_status fail_as);
void cps_file_unmap(struct cps_file_map *self);

/* A file that appears under its name only when it is complete. Writes go to a
 * temporary name beside it, one of its own for every open; commit flushes to the disk and
 * renames; abort removes. Every error is CPS_ERR_STORAGE and names the path. */
struct cps_atomic_file {
    int fd; /* -1 when not open */
    char path[4096];
    char temporary[4096 + 32];
};

enum cps_status cps_atomic_file_open(struct cps_atomic_file *self, const char *path);
enum cps_status cps_atomic_file_write(struct cps_atomic_file *self, const void *bytes, size_t count);
enum cps_status cps_atomic_file_write_at(struct cps_atomic_file *self, const void *bytes, size_t count,
                                         uint64_t offset);
enum cps_status cps_atomic_file_commit(struct cps_atomic_file *self);
enum cps_status cps_atomic_file_commit_at_once(struct cps_atomic_file *self); /* without the flush */
void cps_atomic_file_abort(struct cps_atomic_file *self);

/* Reads the file back and compares it with the count bytes it should hold. */
enum cps_status cps_atomic_file_check(struct cps_atomic_file *self, const void *bytes, size_t count);

/* All in one, for a file that is in memory: written, read back, flushed, renamed. */
enum cps_status cps_file_replace(const char *path, const void *bytes, size_t count);

/* The same without waiting for the disk: readers see the new file at once, but a machine that loses its
 * power in the next seconds may forget it. For last words. */
enum cps_status cps_file_replace_at_once(const char *path, const void *bytes, size_t count);

/* Brings to the disk which names there are in the folder at path. CPS_ERR_STORAGE. */
enum cps_status cps_sync_folder(const char *path);

/* Makes path and the folders above it. CPS_ERR_STORAGE. */
enum cps_status cps_make_folders(const char *path);

#endif
