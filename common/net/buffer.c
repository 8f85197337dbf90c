/*
 * Pooled byte buffers. A block is the header, padded to a cache line, with the bytes
 * right after it; its capacity is a power of two, and a released block waits in the
 * free list of its class for the next acquire:
 *
 *     | struct cps_buffer | pad to 64 | data: 2^(6 + size_class) bytes |
 *
 * Rows and gradients stay in one such buffer from the role that packs them to the one that
 * unpacks them, so that a step copies them only where a transport must.
 */
#include "common/net/buffer.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/memory.h"

enum { SMALLEST_BITS = 6, CLASSES = 34 }; /* 64 bytes to 512 GiB */

#define HEADER_BYTES ((sizeof(struct cps_buffer) + CPS_CACHE_LINE - 1) / CPS_CACHE_LINE * CPS_CACHE_LINE)

struct cps_buffer_pool {
    struct cps_buffer *free[CLASSES];
};

enum cps_status cps_buffer_pool_create(struct cps_buffer_pool **out)
{
    return cps_alloc("a buffer pool", 1, sizeof **out, out);
}

void cps_buffer_pool_destroy(struct cps_buffer_pool **self)
{
    if (!*self)
        return;
    for (size_t i = 0; i < CLASSES; i++) {
        struct cps_buffer *buffer = (*self)->free[i];
        while (buffer) {
            struct cps_buffer *next = buffer->next_free;
            free(buffer);
            buffer = next;
        }
    }
    free(*self);
    *self = NULL;
}

/* The smallest class whose buffers hold size bytes; CLASSES or more if none does. */
static uint32_t class_of(size_t size)
{
    if (size <= (size_t)1 << SMALLEST_BITS)
        return 0;
    return (uint32_t)(64 - __builtin_clzll(size - 1)) - SMALLEST_BITS;
}

/* Memory is not zeroed, so that unused pages of a large buffer are never touched. */
static enum cps_status allocate(struct cps_buffer_pool *pool, uint32_t size_class, struct cps_buffer **out)
{
    size_t capacity = (size_t)1 << (SMALLEST_BITS + size_class);
    struct cps_buffer *buffer = aligned_alloc(CPS_CACHE_LINE, HEADER_BYTES + capacity);
    if (!buffer)
        return cps_fail_memory("a message", capacity);
    *buffer = (struct cps_buffer){.size_class = size_class, .pool = pool};
    *out = buffer;
    return CPS_OK;
}

enum cps_status cps_buffer_acquire(struct cps_buffer_pool *pool, size_t size, struct cps_buffer **out)
{
    uint32_t size_class = class_of(size);
    if (size_class >= CLASSES)
        return cps_fail_memory("a message", size);
    struct cps_buffer *buffer = pool->free[size_class];
    if (buffer)
        pool->free[size_class] = buffer->next_free;
    else
        CPS_TRY(allocate(pool, size_class, &buffer));
    buffer->next_free = NULL;
    buffer->references = 1;
    buffer->data = (uint8_t *)buffer + HEADER_BYTES;
    buffer->size = size;
    buffer->capacity = (size_t)1 << (SMALLEST_BITS + size_class);
    *out = buffer;
    return CPS_OK;
}

struct cps_buffer *cps_buffer_retain(struct cps_buffer *self)
{
    self->references++;
    return self;
}

void cps_buffer_trim_front(struct cps_buffer *self, size_t bytes)
{
    assert(self->references == 1 && bytes <= self->size);
    self->data += bytes;
    self->size -= bytes;
    self->capacity -= bytes;
}

void cps_buffer_release(struct cps_buffer *self)
{
    if (!self)
        return;
    assert(self->references > 0);
    if (--self->references)
        return;
    self->next_free = self->pool->free[self->size_class];
    self->pool->free[self->size_class] = self;
}
