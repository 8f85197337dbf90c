/*
 * Reference-counted byte buffers from a per-thread pool. After warm-up, acquire reuses a released buffer
 * of its size class and does not allocate.
 */
#ifndef CPS_NET_BUFFER_H
#define CPS_NET_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_buffer_pool; /* opaque */

struct cps_buffer {
    uint8_t *data; /* 64-byte aligned */
    size_t size;   /* bytes in use; a sole holder may lower it */
    size_t capacity;
    uint32_t references;
    uint32_t size_class;
    struct cps_buffer_pool *pool;
    struct cps_buffer *next_free;
};

enum cps_status cps_buffer_pool_create(struct cps_buffer_pool **out);

/* Frees the pool and its released buffers. A buffer still held, for example by a send that a lost peer never
 * received, is leaked and must not be released afterwards. */
void cps_buffer_pool_destroy(struct cps_buffer_pool **self);

/* The bytes that a buffer of size bytes takes of a reserve; 0 if it is too small to be cut from one. */
size_t cps_buffer_room(size_t size);

/* Reserves room for large buffers that are acquired next: the sum of their cps_buffer_room(). The pages are
 * touched on all processors, since the system zeroes a page when it is first touched. */
enum cps_status cps_buffer_pool_reserve(struct cps_buffer_pool *pool, size_t room);

/* Acquires a buffer of size bytes, contents undefined, with one reference. */
enum cps_status cps_buffer_acquire(struct cps_buffer_pool *pool, size_t size, struct cps_buffer **out);

/* Adds a reference and returns self; the bytes must not change from now on. */
struct cps_buffer *cps_buffer_retain(struct cps_buffer *self);

/* Removes the first bytes; the caller must be the sole holder. Multiples of 64 keep the alignment. */
void cps_buffer_trim_front(struct cps_buffer *self, size_t bytes);

/* Drops a reference; NULL is allowed. */
void cps_buffer_release(struct cps_buffer *self);

#endif
