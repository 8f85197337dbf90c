/*
 * Pooled byte buffers. A block is the header, padded to a cache line, with the bytes
 * right after it. Sizes are rounded up to classes, one per power of two, or four if they are large; a released
 * block stays in the free list of its class until the next acquire:
 *
 *     | struct cps_buffer | pad to 64 | data: the bytes of the class |
 *
 * Large blocks are cut from slabs of huge pages: the block solver trains rows in place there, and with small
 * pages address translation takes up to a quarter of its kernel's time.
 *
 * Rows and gradients stay in one such buffer from the role that packs them to the one that
 * unpacks them, so that a step copies them only where a transport must.
 */
#include "common/net/buffer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/base/memory.h"
#include "common/base/parallel.h"

enum { SMALLEST_BITS = 6, STEPS = 4, CLASSES = 34 * STEPS }; /* 64 bytes to 512 GiB */

/* Blocks of at least this many bytes are cut from slabs. */
static const size_t LEAST_CUT_BYTES = 32 << 10;
static const size_t MOST_SLAB_BYTES = 32 << 20;
static const size_t HUGE_PAGE = 2 << 20; /* on x86-64 and most other architectures */

#define HEADER_BYTES ((sizeof(struct cps_buffer) + CPS_CACHE_LINE - 1) / CPS_CACHE_LINE * CPS_CACHE_LINE)

/* The header of a region of memory from which blocks are cut. */
struct slab {
    struct slab *next;
    size_t bytes, used;
};

struct cps_buffer_pool {
    struct cps_buffer *free[CLASSES];
    struct slab *slabs;  /* the newest first */
    size_t cut, waiting; /* blocks cut from slabs; those in free lists, counted at the end */
};

enum cps_status cps_buffer_pool_create(struct cps_buffer_pool **out)
{
    return cps_alloc("a buffer pool", 1, sizeof **out, out);
}

static size_t capacity_of(uint32_t size_class)
{
    size_t octave = (size_t)1 << (SMALLEST_BITS + size_class / STEPS);
    return cps_round_up(octave + octave / STEPS * (size_class % STEPS), CPS_CACHE_LINE);
}

static bool is_cut(uint32_t size_class)
{
    return capacity_of(size_class) >= LEAST_CUT_BYTES;
}

static void free_slabs(struct cps_buffer_pool *self)
{
    while (self->slabs) {
        struct slab *next = self->slabs->next;
        free(self->slabs);
        self->slabs = next;
    }
}

void cps_buffer_pool_destroy(struct cps_buffer_pool **self)
{
    struct cps_buffer_pool *pool = *self;
    if (!pool)
        return;
    for (uint32_t i = 0; i < CLASSES; i++) {
        struct cps_buffer *buffer = pool->free[i];
        while (buffer) {
            struct cps_buffer *next = buffer->next_free;
            pool->waiting += is_cut(i);
            if (!is_cut(i))
                free(buffer);
            buffer = next;
        }
    }
    if (pool->waiting == pool->cut)
        free_slabs(pool);
    free(pool);
    *self = NULL;
}

/* The smallest class whose buffers hold size bytes; CLASSES or more if none does. */
static uint32_t class_of(size_t size)
{
    uint32_t octave = 0, step = 0;
    if (size > (size_t)1 << SMALLEST_BITS)
        octave = (uint32_t)(63 - __builtin_clzll(size - 1)) - SMALLEST_BITS;
    while (octave * STEPS + step < CLASSES && capacity_of(octave * STEPS + step) < size)
        step += is_cut(octave * STEPS) ? 1 : STEPS;
    return octave * STEPS + step;
}

static enum cps_status add_slab(struct cps_buffer_pool *pool, size_t bytes)
{
    struct slab *slab = aligned_alloc(HUGE_PAGE, bytes);
    if (!slab)
        return cps_fail_memory("messages", bytes);
    madvise(slab, bytes, MADV_HUGEPAGE); /* advice may be ignored */
    *slab = (struct slab){.next = pool->slabs, .bytes = bytes, .used = CPS_CACHE_LINE};
    pool->slabs = slab;
    return CPS_OK;
}

static bool has_room(const struct cps_buffer_pool *pool, size_t bytes)
{
    return pool->slabs && pool->slabs->bytes - pool->slabs->used >= bytes;
}

/* The size of a slab that holds at least bytes, a multiple of huge pages. */
static size_t slab_for(size_t bytes)
{
    return cps_round_up(bytes + CPS_CACHE_LINE, HUGE_PAGE);
}

/* Slabs double in size, so that a small run has a small one. */
static enum cps_status make_room(struct cps_buffer_pool *pool, size_t bytes)
{
    size_t wanted = pool->slabs ? 2 * pool->slabs->bytes : HUGE_PAGE;
    if (wanted > MOST_SLAB_BYTES)
        wanted = MOST_SLAB_BYTES;
    return add_slab(pool, slab_for(bytes) < wanted ? wanted : slab_for(bytes));
}

static enum cps_status touch_page(void *context, uint64_t piece, uint32_t slot)
{
    struct slab *slab = context;
    (void)slot;
    if (piece > 0) /* the first holds the header */
        *((volatile uint8_t *)slab + piece * HUGE_PAGE) = 0;
    return CPS_OK;
}

enum cps_status cps_buffer_pool_reserve(struct cps_buffer_pool *pool, size_t room)
{
    if (has_room(pool, room))
        return CPS_OK;
    CPS_TRY(add_slab(pool, slab_for(room)));
    return cps_parallel_each(0, pool->slabs->bytes / HUGE_PAGE, touch_page, pool->slabs);
}

static enum cps_status cut(struct cps_buffer_pool *pool, size_t bytes, struct cps_buffer **out)
{
    if (!has_room(pool, bytes))
        CPS_TRY(make_room(pool, bytes));
    *out = (struct cps_buffer *)(void *)((uint8_t *)pool->slabs + pool->slabs->used);
    pool->slabs->used += bytes;
    pool->cut++;
    return CPS_OK;
}

/* Memory is not zeroed, so that unused pages of a large buffer are never touched. */
static enum cps_status allocate(struct cps_buffer_pool *pool, uint32_t size_class, struct cps_buffer **out)
{
    size_t capacity = capacity_of(size_class);
    struct cps_buffer *buffer;
    if (is_cut(size_class)) {
        CPS_TRY(cut(pool, HEADER_BYTES + capacity, &buffer));
    } else {
        buffer = aligned_alloc(CPS_CACHE_LINE, HEADER_BYTES + capacity);
        if (!buffer)
            return cps_fail_memory("a message", capacity);
    }
    *buffer = (struct cps_buffer){.size_class = size_class, .pool = pool};
    *out = buffer;
    return CPS_OK;
}

size_t cps_buffer_room(size_t size)
{
    uint32_t size_class = class_of(size);
    return size_class < CLASSES && is_cut(size_class) ? HEADER_BYTES + capacity_of(size_class) : 0;
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
    buffer->capacity = capacity_of(size_class);
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
