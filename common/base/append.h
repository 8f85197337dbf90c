/*
 * An append-only file: records are buffered in memory and written at each flush. After a failed
 * flush (a full disk) the file ends with the last whole flush, and the rest stays buffered for the
 * next attempt. Unlike an atomic file it can be read while it grows, and millions of lines are
 * never rewritten.
 */
#ifndef CPS_BASE_APPEND_H
#define CPS_BASE_APPEND_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"

struct cps_append_file {
    char path[4096];
    int fd;                  /* -1 when not open */
    uint64_t kept_bytes;     /* bytes written to the file */
    struct cps_text tail;    /* not yet handed over: append records here, whole ones before a flush */
    struct cps_text leaving; /* handed over, being written */
    uint64_t handed_bytes;   /* bytes written and being written: all before the tail */
};

/* Creates or truncates path and writes the count bytes of start to it. Every error here and below is
 * CPS_ERR_STORAGE (or CPS_ERR_MEMORY) and names the path; close the file after an error. */
enum cps_status cps_append_file_open(struct cps_append_file *self, const char *path, const void *start,
                                     size_t count);

/* Opens the file at path and truncates it to `bytes`, to append from there. If the file is shorter or missing,
 * data was lost: sets *is_short and truncates it after its last whole line. */
enum cps_status cps_append_file_continue(struct cps_append_file *self, const char *path, uint64_t bytes,
                                         bool *is_short);

/* The file's length in bytes once everything appended is written. Called by the appending thread. */
static inline uint64_t cps_append_file_length(const struct cps_append_file *self)
{
    return self->handed_bytes + self->tail.length;
}

/*
 * A flush in two parts, for two threads. The appending thread calls hand_over, which moves the tail to
 * `leaving` unless an earlier one is still unwritten, and returns false if there is nothing to write. Another
 * thread may then call write while the new tail grows.
 */
bool cps_append_file_hand_over(struct cps_append_file *self);
enum cps_status cps_append_file_write(struct cps_append_file *self);

/* Writes the tail and empties it; on an error the file is unchanged. */
enum cps_status cps_append_file_flush(struct cps_append_file *self);

/* Flushes, syncs to disk and closes, also after an error. Does nothing if the file is not open. */
enum cps_status cps_append_file_close(struct cps_append_file *self);

#endif
