/*
 * The interface of transports: ZeroMQ or MPI. A transport
 * belongs to one rank and one thread; it receives messages for all nodes of the rank.
 */
#ifndef CPS_NET_TRANSPORT_H
#define CPS_NET_TRANSPORT_H

#include <stdbool.h>

#include "common/net/message.h"

struct cps_transport;

struct cps_transport_ops {
    /* Sends a copy of *message to the rank of its node `to`; *sent is false if the rank cannot be
     * reached at the moment or its queue is full. A sent message may still be lost, duplicated or reordered;
     * drive/channel.h handles that. Never blocks. */
    enum cps_status (*send)(struct cps_transport *self, const struct cps_message *message, bool *sent);
    /* Receives the next complete message, if any. Never blocks; also drives the sends
     * in flight. CPS_ERR_PEER for a frame that cannot be decoded. */
    enum cps_status (*receive)(struct cps_transport *self, struct cps_message *out, bool *received);
    /* Sleeps until something may have arrived or ns have passed; a transport that cannot
     * sleep yields the processor once. */
    void (*wait)(struct cps_transport *self, uint64_t ns);
    /* Whether all sends are complete. */
    bool (*idle)(struct cps_transport *self);
    void (*destroy)(struct cps_transport *self);
};

/* Messages and bytes (headers included) sent and received, by kind. */
struct cps_transport_counters {
    uint64_t sent[CPS_MESSAGE_KINDS], sent_bytes[CPS_MESSAGE_KINDS];
    uint64_t received[CPS_MESSAGE_KINDS], received_bytes[CPS_MESSAGE_KINDS];
    uint64_t left_host, left_host_bytes; /* those sent to ranks on other hosts */
};

struct cps_transport {
    const struct cps_transport_ops *ops;
    struct cps_transport_counters counters;
};

/* Counts a sent message of `bytes` bytes. */
static inline void cps_transport_count_sent(struct cps_transport *self, enum cps_message_kind kind,
                                            uint64_t bytes, bool leaves_host)
{
    self->counters.sent[kind]++;
    self->counters.sent_bytes[kind] += bytes;
    self->counters.left_host += leaves_host;
    self->counters.left_host_bytes += leaves_host ? bytes : 0;
}

#endif
