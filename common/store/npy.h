/*
 * NumPy's .npy files, as far as --batch-order needs them: a table of whole numbers,
 * int32 or int64, two dimensions, row after row.
 *
 * Format: numpy.lib.format, versions 1.0, 2.0 and 3.0.
 */
#ifndef CPS_STORE_NPY_H
#define CPS_STORE_NPY_H

#include <stdint.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/status.h"

/* An open table; the file stays mapped. */
struct cps_npy {
    struct cps_file_map map;
    const char *data; /* rows · columns items; may be misaligned */
    uint64_t rows, columns;
    uint32_t item_bytes; /* 4 or 8 */
};

/* Opens path. CPS_ERR_DATA, naming it, for anything that is not a whole file of the
 * kind above. Not collective. */
enum cps_status cps_npy_open(struct cps_npy *self, const char *path);
void cps_npy_release(struct cps_npy *self);

/* The number at (row, column), row < rows, column < columns. */
static inline int64_t cps_npy_at(const struct cps_npy *self, uint64_t row, uint64_t column)
{
    const char *item = self->data + (row * self->columns + column) * self->item_bytes;
    if (self->item_bytes == 4) {
        int32_t narrow;
        memcpy(&narrow, item, sizeof narrow);
        return narrow;
    }
    int64_t value;
    memcpy(&value, item, sizeof value);
    return value;
}

/* Refuses numbers outside 0..limit-1: CPS_ERR_DATA, naming path, the first of them
 * and its place. */
enum cps_status cps_npy_check_below(const struct cps_npy *self, const char *path, uint64_t limit);

#endif
