/* HELLO, STOP and refusals; see member.h. */
#include "common/drive/member.h"

enum cps_status cps_member_greet(struct cps_member *self, const struct cps_hello *hello,
                                 struct cps_outbox *outbox)
{
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_HELLO, 0, 0, &message));
    if (hello)
        message->hello = *hello;
    self->greeted = true;
    return CPS_OK;
}

enum cps_status cps_member_refuse(const struct cps_member *self, const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u sent %s %u a '%s'", message->from, self->title, self->number,
                    cps_message_kind_name(message->kind));
}

enum cps_status cps_member_on_message(struct cps_member *self, const struct cps_message *message)
{
    switch (message->kind) {
    case CPS_MESSAGE_STOP:
        self->stopped = true;
        return cps_message_end(message);
    case CPS_MESSAGE_HEARTBEAT:
        return CPS_OK;
    default:
        return cps_member_refuse(self, message);
    }
}
