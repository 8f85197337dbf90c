/* Aligned allocation. Callers pass the address of a typed pointer, so the copies
 * through memcpy keep to the aliasing rules. */
#include "common/base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *aligned_bytes(size_t count, size_t size, size_t *bytes)
{
    if (size && count > SIZE_MAX / 2 / size) {
        *bytes = SIZE_MAX;
        return NULL;
    }
    *bytes = count * size;
    return aligned_alloc(CPS_CACHE_LINE, cps_round_up(*bytes ? *bytes : 1, CPS_CACHE_LINE));
}

enum cps_status cps_alloc(const char *what, size_t count, size_t size, void *out)
{
    size_t bytes;
    void *memory = aligned_bytes(count, size, &bytes);
    if (!memory)
        return cps_fail_memory(what, bytes);
    memset(memory, 0, bytes);
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
