/*
 * A temporary file without a name, for data that does not fit in memory: written in any order, then mapped for
 * reading.
 *
 * It lies in $TMPDIR, or else in /var/tmp, since /tmp is often memory.
 */
#ifndef CPS_BASE_SPILL_H
#define CPS_BASE_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_spill {
    int fd;          /* -1: none */
    const char *map; /* NULL: not mapped */
    uint64_t bytes;
};

/* Creates a file of `bytes` bytes and reserves the space on disk; what names the data in the error
 * (CPS_ERR_STORAGE). */
enum cps_status cps_spill_create(struct cps_spill *self, const char *what, uint64_t bytes);
void cps_spill_release(struct cps_spill *self);

/* Write and read count bytes at offset; on any thread. Errors are CPS_ERR_STORAGE. */
enum cps_status cps_spill_write(const struct cps_spill *self, const void *bytes, uint64_t count,
                                uint64_t offset);
enum cps_status cps_spill_read(const struct cps_spill *self, void *bytes, uint64_t count, uint64_t offset);

enum cps_status cps_spill_map(struct cps_spill *self);

/* Enlarges the file, which may be empty, and maps it for reading and writing at *map, which moves. What was
 * there is likely not to be used again soon: it is written to disk. */
enum cps_status cps_spill_enlarge(struct cps_spill *self, uint64_t bytes, void **map);

/* Advise the system that a range of the mapping is read next, or is not needed for some time, so that it leaves
 * memory before other pages do. On any thread. */
void cps_spill_expect(const struct cps_spill *self, uint64_t offset, uint64_t count);
void cps_spill_forget(const struct cps_spill *self, uint64_t offset, uint64_t count);

#endif
