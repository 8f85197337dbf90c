/* A FIFO queue of messages: a ring buffer that grows and never shrinks. */
#ifndef CPS_NET_QUEUE_H
#define CPS_NET_QUEUE_H

#include <stdbool.h>

#include "common/net/message.h"

/* All zeroes is an empty queue. */
struct cps_queue {
    struct cps_message *items;
    size_t first, count;
    size_t capacity; /* 0 or a power of two */
    size_t reserved; /* reserved places: 0 or 1 */
};

/* Releases the queue and the messages still in it. */
void cps_queue_release(struct cps_queue *self);

/* Appends *message and takes over its payload, which is released if memory is short. */
enum cps_status cps_queue_put(struct cps_queue *self, struct cps_message *message);

/* Reserves a place for one last message; put does not use it. */
enum cps_status cps_queue_reserve(struct cps_queue *self);

/* Appends *message in the reserved place; may be called once. Cannot fail. */
void cps_queue_put_last(struct cps_queue *self, struct cps_message *message);

/* The message at index, 0 being the oldest, without removing it. index < count. */
static inline struct cps_message *cps_queue_at(const struct cps_queue *self, size_t index)
{
    return &self->items[(self->first + index) & (self->capacity - 1)];
}

/* Removes the oldest message; the caller owns its payload. False if the queue is empty. */
bool cps_queue_take(struct cps_queue *self, struct cps_message *out);

/* Removes and releases the oldest message; the queue must not be empty. */
void cps_queue_drop(struct cps_queue *self);

#endif
