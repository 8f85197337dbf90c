/*
 * What every role except the coordinator does in the same way: it greets the coordinator on its first tick,
 * ends with the coordinator's STOP, takes heartbeats without notice and refuses messages of a kind that it does
 * not handle. Server, lender and both workers hold one each.
 */
#ifndef CPS_DRIVE_MEMBER_H
#define CPS_DRIVE_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/drive/outbox.h"
#include "common/net/message.h"

struct cps_member {
    const char *title; /* with number, the role's name in errors: "server", "worker node" */
    uint32_t number;
    bool greeted, stopped; /* HELLO was sent; STOP was received */
};

/* Sends HELLO to the coordinator; hello: what it says, or NULL for nothing. Must not be called again. */
enum cps_status cps_member_greet(struct cps_member *self, const struct cps_hello *hello,
                                 struct cps_outbox *outbox);

/* Handles the messages that the role itself does not: STOP returns the error with which the coordinator ended
 * the run, or CPS_OK; HEARTBEAT returns CPS_OK; any other message is refused. */
enum cps_status cps_member_on_message(struct cps_member *self, const struct cps_message *message);

/* Returns CPS_ERR_PEER, with an error that names the message and its sender. */
enum cps_status cps_member_refuse(const struct cps_member *self, const struct cps_message *message);

#endif
