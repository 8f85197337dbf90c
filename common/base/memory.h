/* Memory aligned for vector kernels, and arrays that grow. */
#ifndef CPS_BASE_MEMORY_H
#define CPS_BASE_MEMORY_H

#include <stddef.h>

#include "common/base/status.h"

#define CPS_CACHE_LINE 64

/* Allocates zeroed memory for count items of size bytes, 64-byte aligned; out is the address of a pointer,
 * which the caller frees with free(). what names the memory in the error (CPS_ERR_MEMORY). count 0 gives a
 * valid pointer. */
enum cps_status cps_alloc(const char *what, size_t count, size_t size, void *out);

/* The same without zeroing, for what is filled at once. */
enum cps_status cps_alloc_raw(const char *what, size_t count, size_t size, void *out);

/* Makes room in *array for need items of size bytes, keeping the first *capacity items. Grows by at least
 * half; the new part is not zeroed; 64-byte aligned. array is the address of a pointer. */
enum cps_status cps_grow(const char *what, void *array, size_t *capacity, size_t need, size_t size);

/* a rounded up to a multiple of b. */
static inline size_t cps_round_up(size_t a, size_t b)
{
    return (a + b - 1) / b * b;
}

#endif
