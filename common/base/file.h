/* Mapped reads, and atomic writes: a reader sees the old file or the new one, never a part. */
#ifndef CPS_BASE_FILE_H
#define CPS_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Opens the regular file path for reading; the caller closes *fd; *size is in bytes. Any error has status
 * fail_as (CPS_ERR_DATA, say); a directory or another non-regular file is an error. */
enum cps_status cps_file_open(const char *path, enum cps_status fail_as, int *fd, size_t *size);

/* A whole regular file, read-only. */
struct cps_file_map {
    const char *data; /* not NUL-terminated; NULL when the file is empty */
    size_t size;      /* bytes */
};

/* Maps path; errors are those of cps_file_open(). */
enum cps_status cps_file_map(struct cps_file_map *self, const char *path, enum cps_status fail_as);
void cps_file_unmap(struct cps_file_map *self);

/* A file that appears under its name only once it is complete. Writes go to a temporary file in the same
 * folder, whose name is unique for every open; commit syncs it to disk and renames it; abort removes it.
 * Every error is CPS_ERR_STORAGE and names the path. */
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
enum cps_status cps_atomic_file_commit_at_once(struct cps_atomic_file *self); /* without syncing to disk */
void cps_atomic_file_abort(struct cps_atomic_file *self);

/* Reads the file back and compares it with the count bytes it should hold. */
enum cps_status cps_atomic_file_check(struct cps_atomic_file *self, const void *bytes, size_t count);

/* Writes count bytes to path as an atomic file: written, read back, synced to disk, renamed. */
enum cps_status cps_file_replace(const char *path, const void *bytes, size_t count);

/* cps_file_replace() without syncing to disk: readers see the new file at once, but a power failure within
 * seconds may lose it. Used when a process is about to exit on a failure. */
enum cps_status cps_file_replace_at_once(const char *path, const void *bytes, size_t count);

/* Syncs the entries of the folder at path to disk. Errors are CPS_ERR_STORAGE. */
enum cps_status cps_sync_folder(const char *path);

/* Makes the folder path and any missing parents. Errors are CPS_ERR_STORAGE. */
enum cps_status cps_make_folders(const char *path);

#endif
