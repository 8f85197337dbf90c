/* A ring of messages, between nodes of one rank and for messages that a transport receives in one go; see
 * queue.h. */
#include "common/net/queue.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* An empty queue starts over in its first place, which is still in the cache. */
static void advance(struct cps_queue *self)
{
    self->count--;
    self->first = self->count ? (self->first + 1) & (self->capacity - 1) : 0;
}

void cps_queue_drop(struct cps_queue *self)
{
    cps_message_release(&self->items[self->first]);
    advance(self);
}

void cps_queue_release(struct cps_queue *self)
{
    while (self->count)
        cps_queue_drop(self);
    free(self->items);
    memset(self, 0, sizeof *self);
}

enum { FIRST_CAPACITY = 64 };

/* Doubles the ring, and moves its messages to the start. */
static enum cps_status grow(struct cps_queue *self)
{
    size_t capacity = self->capacity ? 2 * self->capacity : FIRST_CAPACITY;
    struct cps_message *items;
    CPS_TRY(cps_alloc("queued messages", capacity, sizeof *items, &items));
    for (size_t i = 0; i < self->count; i++)
        items[i] = self->items[(self->first + i) & (self->capacity - 1)];
    free(self->items);
    self->items = items;
    self->first = 0;
    self->capacity = capacity;
    return CPS_OK;
}

static void append(struct cps_queue *self, struct cps_message *message)
{
    self->items[(self->first + self->count++) & (self->capacity - 1)] = *message;
    message->payload = NULL;
}

enum cps_status cps_queue_put(struct cps_queue *self, struct cps_message *message)
{
    if (self->count + self->reserved >= self->capacity) {
        enum cps_status status = grow(self);
        if (status != CPS_OK) {
            cps_message_release(message);
            return status;
        }
    }
    append(self, message);
    return CPS_OK;
}

enum cps_status cps_queue_reserve(struct cps_queue *self)
{
    CPS_TRY(self->capacity ? CPS_OK : grow(self));
    self->reserved = 1;
    return CPS_OK;
}

void cps_queue_put_last(struct cps_queue *self, struct cps_message *message)
{
    self->reserved = 0;
    append(self, message);
}

bool cps_queue_take(struct cps_queue *self, struct cps_message *out)
{
    if (self->count == 0)
        return false;
    *out = self->items[self->first];
    advance(self);
    return true;
}
