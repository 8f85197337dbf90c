/*
 * How messages leave this process: ZeroMQ or MPI behind one interface. A transport
 * belongs to one rank and one thread; messages it receives are for any of the nodes
 * that live on the rank.
 */
#ifndef CPS_NET_TRANSPORT_H
#define CPS_NET_TRANSPORT_H

#include <stdbool.h>

#include "common/net/message.h"

struct cps_transport;

struct cps_transport_ops {
    /* Hands over a copy of *message for the rank of its node `to`; *sent is false when the rank cannot be
     * reached just now, or has no room. What was handed over may still be lost, repeated or overtaken:
     * drive/channel.h makes up for it. Never blocks. */
    enum cps_status (*send)(struct cps_transport *self, const struct cps_message *message, bool *sent);
    /* The next message that has arrived whole, if any. Never blocks; also drives the sends
     * under way. A frame that cannot be decoded is CPS_ERR_PEER. */
    enum cps_status (*receive)(struct cps_transport *self, struct cps_message *out, bool *received);
    /* Sleeps until something may have arrived or ns have passed; a transport that cannot
     * sleep yields the processor once. */
    void (*wait)(struct cps_transport *self, uint64_t ns);
    /* True when nothing handed over is still unsent. */
    bool (*idle)(struct cps_transport *self);
    void (*destroy)(struct cps_transport *self);
};

/* Messages and bytes (headers included) that left and came, by kind. */
struct cps_transport_counters {
    uint64_t sent[CPS_MESSAGE_KINDS], sent_bytes[CPS_MESSAGE_KINDS];
    uint64_t received[CPS_MESSAGE_KINDS], received_bytes[CPS_MESSAGE_KINDS];
    uint64_t left_host, left_host_bytes; /* of those sent, to ranks on other hosts */
};

struct cps_transport {
    const struct cps_transport_ops *ops;
    struct cps_transport_counters counters;
};

/* Counts a message of so many bytes that was handed over. */
static inline void cps_transport_count_sent(struct cps_transport *self, enum cps_message_kind kind,
                                            uint64_t bytes, bool leaves_host)
{
    self->counters.sent[kind]++;
    self->counters.sent_bytes[kind] += bytes;
    self->counters.left_host += leaves_host;
    self->counters.left_host_bytes += leaves_host ? bytes : 0;
}

#endif
