/* A node's channels; see links.h. */
#include "common/drive/links.h"

#include <stdlib.h>

#include "common/base/memory.h"

enum cps_status cps_links_init(struct cps_links *self, uint32_t node, uint32_t nodes, uint64_t run_id,
                               uint32_t incarnation, uint64_t patience_ns)
{
    *self = (struct cps_links){.node = node, .nodes = nodes, .run_id = run_id};
    CPS_TRY(cps_alloc("channels", nodes, sizeof *self->channels, &self->channels));
    for (uint32_t peer = 0; peer < nodes; peer++)
        cps_channel_init(&self->channels[peer], incarnation, patience_ns);
    /* Reserve room for a last message, which only travels between the coordinator and the others. */
    for (uint32_t peer = node == 0; peer < (node == 0 ? nodes : 1); peer++)
        CPS_TRY(cps_queue_reserve(&self->channels[peer].kept));
    return CPS_OK;
}

void cps_links_release(struct cps_links *self)
{
    for (uint32_t peer = 0; self->channels && peer < self->nodes; peer++)
        cps_channel_release(&self->channels[peer]);
    free(self->channels);
    *self = (struct cps_links){0};
}

void cps_links_set_patience(struct cps_links *self, uint32_t peer, uint64_t patience_ns)
{
    self->channels[peer].patience_ns = self->channels[peer].timeout_ns = patience_ns;
}

void cps_links_limit_timeout(struct cps_links *self, uint64_t longest_ns)
{
    for (uint32_t peer = 0; peer < self->nodes; peer++)
        if (longest_ns < self->channels[peer].longest_ns)
            self->channels[peer].longest_ns = longest_ns;
}

/* Hands the transport all frames that channel may send now. */
static enum cps_status flush_channel(struct cps_links *self, struct cps_channel *channel, uint64_t now_ns)
{
    struct cps_message *frame;
    while ((frame = cps_channel_next(channel)) != NULL) {
        bool sent = false;
        uint32_t owed = channel->owed;
        cps_channel_stamp(channel, frame);
        CPS_TRY(self->transmit(self->context, frame, &sent));
        if (!sent) {
            channel->owed = owed;
            self->refused = true;
            return CPS_OK;
        }
        cps_channel_sent(channel, now_ns);
    }
    return CPS_OK;
}

enum cps_status cps_links_send(struct cps_links *self, struct cps_message *message, uint64_t now_ns)
{
    struct cps_channel *channel = &self->channels[message->to];
    CPS_TRY(cps_channel_send(channel, message));
    return flush_channel(self, channel, now_ns);
}

enum cps_status cps_links_send_last(struct cps_links *self, struct cps_message *message, uint64_t now_ns)
{
    struct cps_channel *channel = &self->channels[message->to];
    cps_channel_send_last(channel, message);
    return flush_channel(self, channel, now_ns);
}

enum cps_status cps_links_heartbeat(struct cps_links *self, uint32_t peer)
{
    struct cps_channel *channel = &self->channels[peer];
    struct cps_message pulse = {
        .kind = CPS_MESSAGE_HEARTBEAT, .from = self->node, .to = peer, .run_id = self->run_id};
    bool sent = false;
    uint32_t owed = channel->owed;
    pulse.pulse.progress = self->progress;
    cps_channel_stamp(channel, &pulse);
    CPS_TRY(self->transmit(self->context, &pulse, &sent));
    if (!sent)
        channel->owed = owed;
    return CPS_OK;
}

bool cps_links_in_touch(const struct cps_links *self, uint32_t peer)
{
    const struct cps_channel *channel = &self->channels[peer];
    return channel->expected || channel->acknowledged || channel->kept.count;
}

enum cps_status cps_links_receive(struct cps_links *self, struct cps_message *message, uint64_t now_ns,
                                  bool *ready)
{
    *ready = false;
    if (message->run_id != self->run_id || message->from >= self->nodes) {
        self->strangers++;
        cps_message_release(message);
        return CPS_OK;
    }
    struct cps_channel *channel = &self->channels[message->from];
    CPS_TRY(cps_channel_receive(channel, message, now_ns, ready));
    /* An acknowledgement may have opened the window. */
    return channel->sent < channel->kept.count ? flush_channel(self, channel, now_ns) : CPS_OK;
}

bool cps_links_early(struct cps_links *self, uint32_t peer, struct cps_message *out)
{
    return self->channels[peer].early_count && cps_channel_early(&self->channels[peer], out);
}

enum cps_status cps_links_flush(struct cps_links *self, uint64_t now_ns)
{
    self->refused = false;
    for (uint32_t peer = 0; peer < self->nodes; peer++)
        CPS_TRY(flush_channel(self, &self->channels[peer], now_ns));
    return CPS_OK;
}

enum cps_status cps_links_tick(struct cps_links *self, uint64_t now_ns)
{
    for (uint32_t peer = 0; peer < self->nodes; peer++) {
        struct cps_channel *channel = &self->channels[peer];
        cps_channel_tick(channel, now_ns);
        if (cps_channel_ack_due(channel, now_ns))
            CPS_TRY(cps_links_heartbeat(self, peer));
    }
    return cps_links_flush(self, now_ns);
}

enum cps_status cps_links_acknowledge(struct cps_links *self)
{
    for (uint32_t peer = 0; peer < self->nodes; peer++)
        if (self->channels[peer].owed)
            CPS_TRY(cps_links_heartbeat(self, peer));
    return CPS_OK;
}

bool cps_links_settled(const struct cps_links *self)
{
    for (uint32_t peer = 0; peer < self->nodes; peer++)
        if (!cps_channel_settled(&self->channels[peer]))
            return false;
    return true;
}

void cps_links_count(const struct cps_links *self, uint64_t *repeated, uint64_t *dropped)
{
    *repeated = 0;
    *dropped = self->strangers;
    for (uint32_t peer = 0; peer < self->nodes; peer++) {
        *repeated += self->channels[peer].repeated;
        *dropped += self->channels[peer].dropped;
    }
}
