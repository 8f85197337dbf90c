/*
 * One end of the reliable channel between a local node and a remote one: it delivers each message
 * once and in order, whatever the transports below lose, duplicate or reorder. It contains no socket and no
 * clock; links.h holds one channel for every peer of a node. channel.md lists the possible failures and how
 * they are handled.
 *
 *     send -> kept: | sent, not acknowledged | not sent yet |  -> cps_channel_next -> transport
 *             ^ acknowledged                 ^ + sent
 *
 *     transport -> cps_channel_receive -> in order? the role : early[], until the gap is filled
 *
 * Every frame acknowledges the frames of the other direction (ack), so that in lock step acknowledgements
 * cost no message. If there is no frame to send, a HEARTBEAT carries the acknowledgement; heartbeats have no
 * sequence number.
 */
#ifndef CPS_DRIVE_CHANNEL_H
#define CPS_DRIVE_CHANNEL_H

#include <stdbool.h>

#include "common/net/queue.h"

/* Frames and payload bytes under way at most; what arrives further ahead was never sent by an honest peer. */
#define CPS_CHANNEL_WINDOW 256u
#define CPS_CHANNEL_WINDOW_BYTES ((size_t)64 << 20)

/* Frames that may wait for a peer that takes none: beyond it, the peer is lost. */
#define CPS_CHANNEL_BACKLOG 65536u

struct cps_channel {
    uint32_t incarnation, peer_incarnation;
    /* To the peer. */
    struct cps_queue kept; /* in order; from sequence `acknowledged` on */
    uint64_t acknowledged;
    uint32_t sent; /* of kept */
    size_t sent_bytes;
    uint32_t again, again_end; /* the range of sent frames to retransmit */
    uint64_t patience_ns;      /* initial retransmission timeout */
    uint64_t timeout_ns;       /* current timeout: doubled after each unanswered retransmission */
    uint64_t longest_ns;       /* its upper limit */
    uint64_t since_ns;         /* when the oldest frame in flight was last sent */
    /* From the peer. */
    uint64_t expected;         /* the next sequence number */
    struct cps_message *early; /* frames ahead of it */
    uint32_t early_count;
    size_t early_capacity, early_bytes;
    uint32_t owed; /* frames received but not acknowledged yet */
    uint64_t owed_since_ns;
    uint64_t repeated,
        dropped; /* frames retransmitted; frames discarded as duplicate, stale or too far ahead */
};

/* Initializes self for a node that was restarted `incarnation` times. patience_ns is the initial retransmission
 * timeout. */
void cps_channel_init(struct cps_channel *self, uint32_t incarnation, uint64_t patience_ns);
void cps_channel_release(struct cps_channel *self);

/* Queues *message, taking over its payload, as the next of the sequence. CPS_ERR_PEER if too many are waiting.
 */
enum cps_status cps_channel_send(struct cps_channel *self, struct cps_message *message);

/* Queues the last message of all in a reserved place (cps_queue_reserve); may be called once and cannot fail.
 */
void cps_channel_send_last(struct cps_channel *self, struct cps_message *message);

/* The next frame to give to the transport, borrowed until the next call; NULL if there is none. Call
 * cps_channel_sent() once the transport has accepted it; otherwise try again later. */
struct cps_message *cps_channel_next(struct cps_channel *self);
void cps_channel_sent(struct cps_channel *self, uint64_t now_ns);

/* Sets the acknowledgement of the other direction in a frame. */
void cps_channel_stamp(struct cps_channel *self, struct cps_message *message);

/* Schedules retransmission of the oldest frames if their timeout has expired. Call about every 10 ms. */
void cps_channel_tick(struct cps_channel *self, uint64_t now_ns);

/* Whether an acknowledgement is due and no frame is waiting to carry it. */
bool cps_channel_ack_due(const struct cps_channel *self, uint64_t now_ns);

/* Processes a received *message and takes over its payload. If it is next in order, *ready is set and *message
 * returned for the caller to handle and release; otherwise it is kept or discarded. */
enum cps_status cps_channel_receive(struct cps_channel *self, struct cps_message *message, uint64_t now_ns,
                                    bool *ready);

/* Takes an early message that has become next in order; false if there is none. Call after every ready message
 * until it returns false. */
bool cps_channel_early(struct cps_channel *self, struct cps_message *out);

/* Whether everything sent has been acknowledged. */
static inline bool cps_channel_settled(const struct cps_channel *self)
{
    return self->kept.count == 0;
}

#endif
