/*
 * One end of the reliable channel between a node here and a node elsewhere: above it each message arrives
 * once and in order, whatever the transports below lose, repeat or reorder. No socket and no clock inside;
 * links.h holds one channel for every peer of a node. channel.md says what can go wrong, and what happens
 * then.
 *
 *     send -> kept: | sent, not acknowledged | not sent yet |  -> cps_channel_next -> transport
 *             ^ acknowledged                 ^ + sent
 *
 *     transport -> cps_channel_receive -> in order? the role : early[], until the gap is filled
 *
 * Every frame carries how far the other direction has arrived (ack), so that in lock step acknowledging
 * costs no message. Where nothing is to be said, a HEARTBEAT carries it: a kind without a place in the
 * sequence.
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
    uint32_t again, again_end; /* of the sent ones, those to send once more */
    uint64_t patience_ns;      /* how long the first answer may take before frames are sent again */
    uint64_t timeout_ns;       /* how long the next may: doubled each time in vain */
    uint64_t longest_ns;       /* up to this */
    uint64_t since_ns;         /* when the oldest frame under way, or its last repetition, was sent */
    /* From the peer. */
    uint64_t expected;         /* the sequence due next */
    struct cps_message *early; /* ahead of it */
    uint32_t early_count;
    size_t early_capacity, early_bytes;
    uint32_t owed; /* frames taken and not acknowledged yet */
    uint64_t owed_since_ns;
    uint64_t repeated, dropped; /* frames sent again; frames of no use: duplicates, stale, too far ahead */
};

/* Zeroes self for a node that was started incarnation times before. patience_ns: see above. */
void cps_channel_init(struct cps_channel *self, uint32_t incarnation, uint64_t patience_ns);
void cps_channel_release(struct cps_channel *self);

/* Takes *message with its payload as the next of the sequence. CPS_ERR_PEER when too much waits already. */
enum cps_status cps_channel_send(struct cps_channel *self, struct cps_message *message);

/* The same of the last message of all, once, into a place that was set aside (cps_queue_reserve). */
void cps_channel_send_last(struct cps_channel *self, struct cps_message *message);

/* The frame to hand to the transport now, its payload borrowed; false when there is none. Once it has left,
 * cps_channel_sent(); if the transport would not take it, ask again later. */
bool cps_channel_next(struct cps_channel *self, struct cps_message *out);
void cps_channel_sent(struct cps_channel *self, uint64_t now_ns);

/* Fills in what every frame says about the other direction. */
void cps_channel_stamp(struct cps_channel *self, struct cps_message *message);

/* Looks at the clock: after too long a silence the oldest frames are due again. Call about every 10 ms. */
void cps_channel_tick(struct cps_channel *self, uint64_t now_ns);

/* True when the peer should be told how far its frames have come, and no frame is there to say it. */
bool cps_channel_ack_due(const struct cps_channel *self, uint64_t now_ns);

/* Takes *message, whose payload is the channel's from now on. *ready says whether it is next in order: then
 * it is back in *message for the caller to handle and release; else it is kept, or was of no use. */
enum cps_status cps_channel_receive(struct cps_channel *self, struct cps_message *message, uint64_t now_ns,
                                    bool *ready);

/* A message that came early and is next by now. False when there is none. Call after every ready message
 * until it says false. */
bool cps_channel_early(struct cps_channel *self, struct cps_message *out);

/* True when all that was sent has been acknowledged. */
static inline bool cps_channel_settled(const struct cps_channel *self)
{
    return self->kept.count == 0;
}

#endif
