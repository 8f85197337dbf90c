/* The outgoing messages of a role; see outbox.h. */
#include "common/drive/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_outbox_init(struct cps_outbox *self, struct cps_buffer_pool *pool, uint32_t from,
                                uint32_t nodes, uint64_t run_id)
{
    *self = (struct cps_outbox){.pool = pool, .from = from, .run_id = run_id, .nodes = nodes};
    return CPS_OK;
}

void cps_outbox_release(struct cps_outbox *self)
{
    for (size_t i = 0; i < self->count; i++)
        cps_message_release(&self->messages[i]);
    free(self->messages);
    memset(self, 0, sizeof *self);
}

enum cps_status cps_outbox_add(struct cps_outbox *self, enum cps_message_kind kind, uint32_t to,
                               size_t payload_bytes, struct cps_message **out)
{
    if (to >= self->nodes)
        return cps_fail(CPS_ERR_INTERNAL, "a '%s' for node %u, where there are %u", cps_message_kind_name(kind),
                        to, self->nodes);
    CPS_TRY(cps_grow("outgoing messages", &self->messages, &self->capacity, self->count + 1,
                     sizeof *self->messages));
    struct cps_buffer *payload = NULL;
    if (payload_bytes)
        CPS_TRY(cps_buffer_acquire(self->pool, payload_bytes, &payload));
    struct cps_message *message = &self->messages[self->count++];
    memset(message, 0, sizeof *message);
    message->kind = kind;
    message->from = self->from;
    message->to = to;
    message->run_id = self->run_id;
    message->payload = payload;
    *out = message;
    return CPS_OK;
}

void cps_outbox_truncate(struct cps_outbox *self, size_t count)
{
    while (self->count > count)
        cps_message_release(&self->messages[--self->count]);
}

void cps_outbox_spent(struct cps_outbox *self, uint64_t spent_ns[CPS_PHASES])
{
    if (self->watch)
        cps_stopwatch_book(self->watch, self->watch->phase);
    for (int phase = 0; phase < CPS_PHASES; phase++) {
        uint64_t spent = self->watch ? self->watch->spent_ns[phase] : 0;
        spent_ns[phase] = spent - self->told_ns[phase];
        self->told_ns[phase] = spent;
    }
}
