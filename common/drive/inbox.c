/*
 * One node's order of arrival. Transports keep the order of a connection, so nearly
 * every message is the one expected and the list of early ones is empty; it fills when
 * two transports serve the same pair of nodes, and in the simulator.
 */
#include "common/drive/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_inbox_init(struct cps_inbox *self, uint32_t nodes, uint64_t run_id)
{
    *self = (struct cps_inbox){.run_id = run_id, .nodes = nodes};
    return cps_alloc("sequence numbers", nodes, sizeof *self->expected, &self->expected);
}

void cps_inbox_release(struct cps_inbox *self)
{
    for (size_t i = 0; i < self->waiting_count; i++)
        cps_message_release(&self->waiting[i]);
    free(self->waiting);
    free(self->expected);
    memset(self, 0, sizeof *self);
}

static bool is_waiting(const struct cps_inbox *self, const struct cps_message *message)
{
    for (size_t i = 0; i < self->waiting_count; i++)
        if (self->waiting[i].from == message->from && self->waiting[i].sequence == message->sequence)
            return true;
    return false;
}

static void drop(struct cps_inbox *self, struct cps_message *message)
{
    cps_message_release(message);
    self->dropped++;
}

enum cps_status cps_inbox_put(struct cps_inbox *self, struct cps_message *message, bool *ready)
{
    *ready = false;
    if (message->run_id != self->run_id || message->from >= self->nodes ||
        message->sequence < self->expected[message->from]) {
        drop(self, message);
        return CPS_OK;
    }
    if (message->sequence == self->expected[message->from]) {
        self->expected[message->from]++;
        *ready = true;
        return CPS_OK;
    }
    if (is_waiting(self, message)) {
        drop(self, message);
        return CPS_OK;
    }
    enum cps_status status = cps_grow("early messages", &self->waiting, &self->waiting_capacity,
                                      self->waiting_count + 1, sizeof *self->waiting);
    if (status != CPS_OK) {
        cps_message_release(message);
        return status;
    }
    self->waiting[self->waiting_count++] = *message;
    message->payload = NULL;
    return CPS_OK;
}

bool cps_inbox_next(struct cps_inbox *self, struct cps_message *out)
{
    for (size_t i = 0; i < self->waiting_count; i++) {
        struct cps_message *message = &self->waiting[i];
        if (message->sequence != self->expected[message->from])
            continue;
        self->expected[message->from]++;
        *out = *message;
        *message = self->waiting[--self->waiting_count];
        return true;
    }
    return false;
}
