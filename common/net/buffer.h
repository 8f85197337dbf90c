/*
 * Reference-counted byte buffers from a pool of one thread. After warm-up an acquire
 * finds a released buffer of its size class and calls no allocator.
 */
#ifndef CPS_NET_BUFFER_H
#define CPS_NET_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_buffer_pool; /* opaque */

struct cps_buffer {
    uint8_t *data; /* 64-byte aligned */
    size_t size;   /* bytes in use; may be lowered by the one holder */
    size_t capacity;
    uint32_t references;
    uint32_t size_class;
    struct cps_buffer_pool *pool;
    struct cps_buffer *next_free;
};

enum cps_status cps_buffer_pool_create(struct cps_buffer_pool **out);

/* Frees the released buffers. One that is still held, as by a send that a lost peer never
 * took, is left alone and may not be released any more. */
void cps_buffer_pool_destroy(struct cps_buffer_pool **self);

/* A buffer of size bytes, contents undefined, with one reference. */
enum cps_status cps_buffer_acquire(struct cps_buffer_pool *pool, size_t size, struct cps_buffer **out);

/* Another reference to the same bytes, which nobody may change from now on. */
struct cps_buffer *cps_buffer_retain(struct cps_buffer *self);

/* Drops the first bytes of what the one holder has in it. Multiples of 64 keep the alignment. */
void cps_buffer_trim_front(struct cps_buffer *self, size_t bytes);

/* Drops a reference; NULL is allowed. */
void cps_buffer_release(struct cps_buffer *self);

#endif
