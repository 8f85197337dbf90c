/* Aligned allocation. Callers pass the address of a typed pointer, so the copies
 * through memcpy keep to the aliasing rules. */
#include "common/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Tables and ratings are looked up all over: with pages of 4 KiB almost every row misses the translation
 * buffer too. What is much larger than a huge page asks for those; the kernel may have none. */
static const size_t HUGE_PAGE = (size_t)2 << 20, MANY_PAGES = (size_t)8 << 20;

static void *aligned_bytes(size_t count, size_t size, size_t *bytes)
{
    if (size && count > SIZE_MAX / 2 / size) {
        *bytes = SIZE_MAX;
        return NULL;
    }
    *bytes = count * size;
    if (*bytes < MANY_PAGES)
        return aligned_alloc(CPS_CACHE_LINE, cps_round_up(*bytes ? *bytes : 1, CPS_CACHE_LINE));
    void *memory = aligned_alloc(HUGE_PAGE, cps_round_up(*bytes, HUGE_PAGE));
    if (memory)
        madvise(memory, *bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    return memory;
}

enum cps_status cps_alloc_raw(const char *what, size_t count, size_t size, void *out)
{
    size_t bytes;
    void *memory = aligned_bytes(count, size, &bytes);
    if (!memory)
        return cps_fail_memory(what, bytes);
    memcpy(out, &memory, sizeof memory);
    return CPS_OK;
}

enum cps_status cps_alloc(const char *what, size_t count, size_t size, void *out)
{
    void *memory = NULL;
    CPS_TRY(cps_alloc_raw(what, count, size, &memory));
    memset(memory, 0, count * size);
    memcpy(out, &memory, sizeof memory);
    return CPS_OK;
}

enum cps_status cps_grow(const char *what, void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return CPS_OK;
    size_t wanted = *capacity + *capacity / 2;
    if (wanted < need)
        wanted = need;
    size_t bytes;
    void *grown = aligned_bytes(wanted, size, &bytes);
    if (!grown)
        return cps_fail_memory(what, bytes);
    void *old;
    memcpy(&old, array, sizeof old);
    if (old)
        memcpy(grown, old, *capacity * size);
    free(old);
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return CPS_OK;
}
