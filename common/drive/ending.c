/* A rank's first error, and the payload that reports it; see ending.h. */
#include "common/drive/ending.h"

#include <stdio.h>
#include <string.h>

enum cps_status cps_ending_init(struct cps_ending *self, struct cps_buffer_pool *pool)
{
    *self = (struct cps_ending){.status = CPS_OK};
    return cps_buffer_acquire(pool, sizeof self->error + sizeof self->hint, &self->payload);
}

void cps_ending_release(struct cps_ending *self)
{
    cps_buffer_release(self->payload);
    self->payload = NULL;
}

void cps_ending_note(struct cps_ending *self, enum cps_status status)
{
    if (self->status != CPS_OK)
        return;
    self->status = status;
    int text = snprintf(self->error, sizeof self->error, "%s", cps_error_text());
    int hint = snprintf(self->hint, sizeof self->hint, "%s", cps_error_hint());
    memcpy(self->payload->data, self->error, (size_t)text + 1);
    memcpy(self->payload->data + text + 1, self->hint, (size_t)hint + 1);
    self->payload->size = (size_t)text + (size_t)hint + 2;
}

void cps_ending_say(struct cps_ending *self, struct cps_message *message)
{
    message->end.status = self->status;
    message->payload = cps_buffer_retain(self->payload);
}

enum cps_status cps_ending_recall(const struct cps_ending *self)
{
    if (self->status == CPS_OK)
        return CPS_OK;
    cps_fail(self->status, "%s", self->error);
    return self->hint[0] ? cps_hint(self->status, "%s", self->hint) : self->status;
}
