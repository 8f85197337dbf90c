/*
 * A file that grows while its writer works: what is added gathers in memory and reaches
 * the file in whole pieces, at each flush. After a failed flush (a full disk) the file
 * ends with the last whole piece and the rest is kept for another try. Unlike an atomic
 * file it is there to be read from the start, and one that grows to millions of lines is
 * not written again and again.
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
    uint64_t kept_bytes;     /* of whole pieces, in the file */
    struct cps_text tail;    /* not yet in it: add pieces here, whole ones before a flush */
    struct cps_text leaving; /* what was the tail, on its way */
    uint64_t handed_bytes;   /* all before the tail */
};

/* Makes path, or what was there, a file of the count bytes of start. Every error here and
 * below is CPS_ERR_STORAGE (or CPS_ERR_MEMORY) and names the path; after one, close. */
enum cps_status cps_append_file_open(struct cps_append_file *self, const char *path, const void *start,
                                     size_t count);

/* Opens the file at path to go on behind its first bytes bytes; what it holds beyond them is cut off. One that
 * is shorter, or not there, has lost something: *is_short, and it is cut where its last whole line ends. */
enum cps_status cps_append_file_continue(struct cps_append_file *self, const char *path, uint64_t bytes,
                                         bool *is_short);

/* How long the file is, or will be when all that was added is in it. For the thread that adds. */
static inline uint64_t cps_append_file_length(const struct cps_append_file *self)
{
    return self->handed_bytes + self->tail.length;
}

/*
 * A flush in two parts, for two threads: hand_over takes the tail away from who adds to it, unless an earlier
 * one is still on its way; write writes that, and may run while the new tail grows. False when there is
 * nothing to write.
 */
bool cps_append_file_hand_over(struct cps_append_file *self);
enum cps_status cps_append_file_write(struct cps_append_file *self);

/* Writes the tail and empties it; on an error the file stays as it was. */
enum cps_status cps_append_file_flush(struct cps_append_file *self);

/* Flushes, to the disk, and closes; also after an error. Nothing when not open. */
enum cps_status cps_append_file_close(struct cps_append_file *self);

#endif
