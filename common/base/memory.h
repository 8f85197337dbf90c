/* Memory aligned for vector kernels, and arrays that grow. */
#ifndef CPS_BASE_MEMORY_H
#define CPS_BASE_MEMORY_H

#include <stddef.h>

#include "common/base/status.h"

#define CPS_CACHE_LINE 64

/* Zeroed memory for count items of size bytes, 64-byte aligned; *out is freed with
 * free(). what names it in the error. count 0 gives a valid pointer. */
enum cps_status cps_alloc(const char *what, size_t count, size_t size, void *out);

/* Makes room in *array for need items of size bytes, keeping the first *capacity
 * of them. Grows at least by half. Not zeroed; 64-byte aligned. */
enum cps_status cps_grow(const char *what, void *array, size_t *capacity, size_t need, size_t size);

/* A rounded up to a multiple of b. */
static inline size_t cps_round_up(size_t a, size_t b)
{
    return (a + b - 1) / b * b;
}

#endif
