/*
 * The reliable channel; see channel.h. Acknowledgements are cumulative: `ack` is the sequence number that its
 * sender expects next, so any later acknowledgement replaces a lost one.
 *
 * A restarted node increments its incarnation and counts its sequence from 0 again. Each frame has both
 * incarnations: a frame from an earlier incarnation of the peer, or to an earlier one of this node, is dropped.
 */
#include "common/drive/channel.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* Only the first AGAIN_FRAMES frames in flight are retransmitted, so that a slow peer gets few duplicates. */
enum { AGAIN_FRAMES = 16, ACK_FRAMES = 32, ACK_DELAY = 8 };
static const size_t AGAIN_BYTES = (size_t)1 << 20;
static const uint64_t LONGEST_TIMEOUT_NS = 4000000000u;

void cps_channel_init(struct cps_channel *self, uint32_t incarnation, uint64_t patience_ns)
{
    *self = (struct cps_channel){.incarnation = incarnation,
                                 .patience_ns = patience_ns,
                                 .timeout_ns = patience_ns,
                                 .longest_ns = LONGEST_TIMEOUT_NS};
}

static void release_early(struct cps_channel *self)
{
    for (uint32_t i = 0; i < self->early_count; i++)
        cps_message_release(&self->early[i]);
    self->early_count = 0;
    self->early_bytes = 0;
}

void cps_channel_release(struct cps_channel *self)
{
    release_early(self);
    free(self->early);
    cps_queue_release(&self->kept);
    *self = (struct cps_channel){0};
}

enum cps_status cps_channel_send(struct cps_channel *self, struct cps_message *message)
{
    if (self->kept.count >= CPS_CHANNEL_BACKLOG) {
        cps_message_release(message);
        return cps_fail(CPS_ERR_PEER, "node %u does not take the messages of node %u: %zu wait", message->to,
                        message->from, self->kept.count);
    }
    message->sequence = self->acknowledged + self->kept.count;
    return cps_queue_put(&self->kept, message);
}

void cps_channel_send_last(struct cps_channel *self, struct cps_message *message)
{
    message->sequence = self->acknowledged + self->kept.count;
    cps_queue_put_last(&self->kept, message);
}

void cps_channel_stamp(struct cps_channel *self, struct cps_message *message)
{
    message->ack = self->expected;
    message->incarnation = self->incarnation;
    message->peer_incarnation = self->peer_incarnation;
    self->owed = 0;
}

static bool window_open(const struct cps_channel *self, const struct cps_message *next)
{
    return self->sent == 0 || (self->sent < CPS_CHANNEL_WINDOW &&
                               self->sent_bytes + cps_message_payload_bytes(next) <= CPS_CHANNEL_WINDOW_BYTES);
}

struct cps_message *cps_channel_next(struct cps_channel *self)
{
    if (self->again < self->again_end)
        return cps_queue_at(&self->kept, self->again);
    if (self->sent < self->kept.count && window_open(self, cps_queue_at(&self->kept, self->sent)))
        return cps_queue_at(&self->kept, self->sent);
    return NULL;
}

void cps_channel_sent(struct cps_channel *self, uint64_t now_ns)
{
    if (self->again < self->again_end) {
        self->again++;
        self->repeated++;
        return;
    }
    if (self->sent == 0)
        self->since_ns = now_ns;
    self->sent_bytes += cps_message_payload_bytes(cps_queue_at(&self->kept, self->sent));
    self->sent++;
}

void cps_channel_tick(struct cps_channel *self, uint64_t now_ns)
{
    if (self->sent == 0 || now_ns - self->since_ns < self->timeout_ns)
        return;
    size_t bytes = 0;
    uint32_t end = 0;
    while (end < self->sent && end < AGAIN_FRAMES && bytes < AGAIN_BYTES)
        bytes += cps_message_payload_bytes(cps_queue_at(&self->kept, end++));
    self->again = 0;
    self->again_end = end;
    self->since_ns = now_ns;
    if (self->timeout_ns < self->longest_ns)
        self->timeout_ns = 2 * self->timeout_ns < self->longest_ns ? 2 * self->timeout_ns : self->longest_ns;
}

bool cps_channel_ack_due(const struct cps_channel *self, uint64_t now_ns)
{
    return self->owed >= ACK_FRAMES ||
           (self->owed && now_ns - self->owed_since_ns >= self->patience_ns / ACK_DELAY);
}

/* Releases the frames that the peer has acknowledged. */
static void acknowledge(struct cps_channel *self, uint64_t ack, uint64_t now_ns)
{
    if (ack == self->acknowledged)
        return;
    uint32_t count = (uint32_t)(ack - self->acknowledged);
    for (uint32_t i = 0; i < count && self->kept.count; i++) {
        self->sent_bytes -= cps_message_payload_bytes(cps_queue_at(&self->kept, 0));
        cps_queue_drop(&self->kept);
    }
    self->acknowledged = ack;
    self->sent -= count;
    self->again -= count < self->again ? count : self->again;
    self->again_end -= count < self->again_end ? count : self->again_end;
    self->since_ns = now_ns;
    self->timeout_ns = self->patience_ns;
}

/* The peer was restarted: it has lost the state of this channel, and the frames waiting for it were meant for
 * its earlier incarnation. */
static void begin_anew(struct cps_channel *self, uint32_t peer_incarnation)
{
    while (self->kept.count)
        cps_queue_drop(&self->kept);
    release_early(self);
    self->peer_incarnation = peer_incarnation;
    self->acknowledged = self->expected = 0;
    self->sent = self->again = self->again_end = self->owed = 0;
    self->sent_bytes = 0;
    self->timeout_ns = self->patience_ns;
}

/* False for a frame of another incarnation of either node, or one that acknowledges frames never sent. */
static bool belongs_here(struct cps_channel *self, const struct cps_message *message)
{
    if (message->incarnation < self->peer_incarnation || message->peer_incarnation != self->incarnation)
        return false;
    if (message->incarnation > self->peer_incarnation)
        begin_anew(self, message->incarnation);
    return message->ack <= self->acknowledged + self->sent;
}

static bool is_early(const struct cps_channel *self, uint64_t sequence)
{
    for (uint32_t i = 0; i < self->early_count; i++)
        if (self->early[i].sequence == sequence)
            return true;
    return false;
}

static enum cps_status keep_early(struct cps_channel *self, struct cps_message *message)
{
    size_t bytes = cps_message_payload_bytes(message);
    bool fits = message->sequence - self->expected < CPS_CHANNEL_WINDOW &&
                (self->early_count == 0 || self->early_bytes + bytes <= CPS_CHANNEL_WINDOW_BYTES);
    if (!fits || is_early(self, message->sequence)) {
        self->dropped++;
        cps_message_release(message);
        return CPS_OK;
    }
    enum cps_status status = cps_grow("early messages", &self->early, &self->early_capacity,
                                      self->early_count + (size_t)1, sizeof *self->early);
    if (status != CPS_OK) {
        cps_message_release(message);
        return status;
    }
    self->early[self->early_count++] = *message;
    self->early_bytes += bytes;
    message->payload = NULL;
    return CPS_OK;
}

/* A frame of the sequence arrived, possibly a duplicate: the peer needs an acknowledgement. */
static void owe(struct cps_channel *self, uint64_t now_ns)
{
    if (self->owed++ == 0)
        self->owed_since_ns = now_ns;
}

enum cps_status cps_channel_receive(struct cps_channel *self, struct cps_message *message, uint64_t now_ns,
                                    bool *ready)
{
    *ready = false;
    bool sequenced = message->kind != CPS_MESSAGE_HEARTBEAT;
    if (!belongs_here(self, message)) {
        self->dropped++;
        cps_message_release(message);
        return CPS_OK;
    }
    if (message->ack > self->acknowledged)
        acknowledge(self, message->ack, now_ns);
    if (!sequenced) {
        *ready = true;
        return CPS_OK;
    }
    owe(self, now_ns);
    if (message->sequence > self->expected)
        return keep_early(self, message);
    if (message->sequence < self->expected) {
        self->dropped++;
        cps_message_release(message);
        return CPS_OK;
    }
    self->expected++;
    *ready = true;
    return CPS_OK;
}

bool cps_channel_early(struct cps_channel *self, struct cps_message *out)
{
    for (uint32_t i = 0; i < self->early_count; i++) {
        if (self->early[i].sequence != self->expected)
            continue;
        self->expected++;
        *out = self->early[i];
        self->early_bytes -= cps_message_payload_bytes(out);
        self->early[i] = self->early[--self->early_count];
        return true;
    }
    return false;
}
