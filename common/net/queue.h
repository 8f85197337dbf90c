/* Messages in the order they were put in: a ring that grows and never shrinks. */
#ifndef CPS_NET_QUEUE_H
#define CPS_NET_QUEUE_H

#include <stdbool.h>

#include "common/net/message.h"

/* All zeroes is an empty queue. */
struct cps_queue {
    struct cps_message *items;
    size_t first, count;
    size_t capacity; /* 0 or a power of two */
    size_t reserved; /* places set aside: 0 or 1 */
};

/* Releases the messages still in it, too. */
void cps_queue_release(struct cps_queue *self);

/* Takes *message with its payload; releases the payload when there is no memory. */
enum cps_status cps_queue_put(struct cps_queue *self, struct cps_message *message);

/* Sets a place aside for a last message, which put leaves free. */
enum cps_status cps_queue_reserve(struct cps_queue *self);

/* Takes *message, once, into that place. */
void cps_queue_put_last(struct cps_queue *self, struct cps_message *message);

/* The message at place index, 0 the oldest, which stays in the queue. index < count. */
static inline struct cps_message *cps_queue_at(const struct cps_queue *self, size_t index)
{
    return &self->items[(self->first + index) & (self->capacity - 1)];
}

/* The oldest message, whose payload is the caller's from now on. False when there is none. */
bool cps_queue_take(struct cps_queue *self, struct cps_message *out);

#endif
