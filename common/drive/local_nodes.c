/* The roles of a rank, their messages and how they end; see local_nodes.h. */
#include "common/drive/local_nodes.h"

#include <stdlib.h>

#include "common/base/memory.h"

#define AGAIN_A_TIMEOUT 8    /* least number of retransmissions before a peer is lost */
#define RESEND_NS 300000000u /* after which an unacknowledged frame is retransmitted */
#define RESEND_MPI_NS 10000000000u
#define ELSEWHERE UINT32_MAX

struct cps_local_node *cps_local_node(struct cps_local_nodes *self, uint32_t number)
{
    uint32_t index = self->local[number];
    return index == ELSEWHERE ? NULL : &self->nodes[index];
}

/* Gives a frame to the transport that carries its kind. */
static enum cps_status transmit(void *context, const struct cps_message *frame, bool *sent)
{
    struct cps_local_nodes *self = context;
    bool is_bulk = frame->kind == CPS_MESSAGE_EXCHANGE || frame->kind == CPS_MESSAGE_ROWS ||
                   frame->kind == CPS_MESSAGE_LEND || frame->kind == CPS_MESSAGE_RETURN;
    struct cps_transport *transport = is_bulk && self->setup.bulk ? self->setup.bulk : self->setup.control;
    return transport->ops->send(transport, frame, sent);
}

/* Sends *message from node, and releases its payload. */
static enum cps_status post(struct cps_local_nodes *self, struct cps_local_node *node,
                            struct cps_message *message)
{
    if (self->local[message->to] != ELSEWHERE) {
        self->counters.sent[message->kind]++;
        self->counters.sent_bytes[message->kind] += cps_message_payload_bytes(message);
        return cps_queue_put(&self->queue, message);
    }
    return cps_links_send(&node->links, message, self->now_ns);
}

/* Sends the messages in a role's outbox in order. After an error the rest is dropped. */
static enum cps_status empty_outbox(struct cps_local_nodes *self, struct cps_local_node *node)
{
    enum cps_status status = CPS_OK;
    for (size_t i = 0; i < node->outbox.count; i++) {
        struct cps_message *message = &node->outbox.messages[i];
        if (message->kind == CPS_MESSAGE_STOP)
            self->stop_sent = true;
        if (status == CPS_OK)
            status = post(self, node, message);
        else
            cps_message_release(message);
    }
    node->outbox.count = 0;
    return status;
}

bool cps_local_node_done(const struct cps_local_node *node)
{
    return node->failed ? node->stopped : node->role.ops->done(node->role.self);
}

/* Sends FAIL or STOP with the rank's first error to a node on another rank. */
static enum cps_status post_end(struct cps_local_nodes *self, struct cps_local_node *node,
                                enum cps_message_kind kind, uint32_t to)
{
    struct cps_message message = {
        .kind = kind, .from = node->role.node, .to = to, .run_id = self->setup.run_id};
    cps_ending_say(&self->ending, &message);
    return cps_links_send_last(&node->links, &message, self->now_ns);
}

/* Tells a node of an error on its own rank: the coordinator fails with it, the others stop. */
static void tell_here(struct cps_local_nodes *self, struct cps_local_node *node, enum cps_status why)
{
    if (node->role.node == 0) {
        cps_local_node_fail(self, node, why);
    } else if (!cps_local_node_done(node)) {
        node->failed = node->stopped = true;
    }
}

/* Makes the coordinator stop all nodes, unless it has done so before. */
static enum cps_status stop_all(struct cps_local_nodes *self, struct cps_local_node *coordinator,
                                enum cps_status why)
{
    bool sent = self->stop_sent;
    enum cps_status told = CPS_OK;
    self->stop_sent = coordinator->stopped = true;
    for (uint32_t to = 1; to < self->setup.route->nodes && !sent; to++) {
        struct cps_local_node *here = cps_local_node(self, to);
        enum cps_status status = CPS_OK;
        if (here)
            tell_here(self, here, why);
        else
            status = post_end(self, coordinator, CPS_MESSAGE_STOP, to);
        told = told == CPS_OK ? status : told;
    }
    return told;
}

/* Ends node with an error of its own and tells the nodes concerned. If that fails too, they notice by the peer
 * timeout. */
void cps_local_node_fail(struct cps_local_nodes *self, struct cps_local_node *node, enum cps_status why)
{
    enum cps_status told = CPS_OK;
    if (node->failed)
        return;
    node->failed = true;
    cps_ending_note(&self->ending, why);
    if (node->role.node == 0)
        told = stop_all(self, node, why);
    else if (cps_local_node(self, 0))
        tell_here(self, cps_local_node(self, 0), why);
    else
        told = post_end(self, node, CPS_MESSAGE_FAIL, 0);
    node->stopped |= told != CPS_OK;
}

/* Handles the status that a call into a role returned. */
void cps_local_node_settle(struct cps_local_nodes *self, struct cps_local_node *node, enum cps_status status)
{
    enum cps_status sent = node->outbox.count ? empty_outbox(self, node) : CPS_OK;
    if (status == CPS_OK)
        status = sent;
    if (status != CPS_OK)
        cps_local_node_fail(self, node, status);
}

/* Hands node the next message in order, and releases it. */
void cps_local_node_handle(struct cps_local_nodes *self, struct cps_local_node *node,
                           struct cps_message *message)
{
    bool is_stop = message->kind == CPS_MESSAGE_STOP, is_heartbeat = message->kind == CPS_MESSAGE_HEARTBEAT;
    node->links.progress += !is_heartbeat;
    self->progress[node->role.node] = node->links.progress;
    if (message->from == 0)
        self->heard_ns = self->awake_ns;
    if (node->failed) {
        node->stopped |= is_stop;
    } else if (is_stop) {
        enum cps_status status = node->role.ops->on_message(node->role.self, message, &node->outbox);
        cps_local_node_settle(self, node, CPS_OK);
        /* STOP with an error: the coordinator knows of it. */
        if (status != CPS_OK) {
            cps_ending_note(&self->ending, status);
            node->failed = node->stopped = true;
        }
    } else if (!is_heartbeat || node->role.node == 0) {
        cps_local_node_settle(self, node, node->role.ops->on_message(node->role.self, message, &node->outbox));
    }
    cps_message_release(message);
}

/* Delivers a message from another rank, once and in order. */
enum cps_status cps_local_nodes_deliver(struct cps_local_nodes *self, struct cps_message *message)
{
    struct cps_local_node *node = cps_local_node(self, message->to);
    uint32_t peer = message->from;
    bool ready;
    CPS_TRY(cps_links_receive(&node->links, message, self->now_ns, &ready));
    if (!ready)
        return CPS_OK;
    if (message->kind == CPS_MESSAGE_HEARTBEAT)
        self->progress[peer] = message->pulse.progress;
    cps_local_node_handle(self, node, message);
    while (cps_links_early(&node->links, peer, message))
        cps_local_node_handle(self, node, message);
    return CPS_OK;
}

/* An error of the rank fails every node on it. */
void cps_local_nodes_fail(struct cps_local_nodes *self, enum cps_status why)
{
    for (uint32_t i = 0; i < self->count; i++)
        cps_local_node_fail(self, &self->nodes[i], why);
}

bool cps_local_nodes_all_failed(const struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (!self->nodes[i].failed)
            return false;
    return true;
}

/* All messages were sent, and acknowledgements can no longer be received. */
void cps_local_nodes_give_up(struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        self->nodes[i].stopped = true;
}

bool cps_local_nodes_all_done(const struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (!cps_local_node_done(&self->nodes[i]))
            return false;
    return true;
}

/* Retransmits, acknowledges, and retries frames that a transport refused; also for nodes that are done. */
void cps_local_nodes_tick(struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        enum cps_status status = cps_links_tick(&self->nodes[i].links, self->now_ns);
        if (status != CPS_OK)
            cps_local_node_fail(self, &self->nodes[i], status);
    }
}

/* Whether a transport has refused a frame, which must be retried soon. */
bool cps_local_nodes_refused(const struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->nodes[i].links.refused)
            return true;
    return false;
}

void cps_local_nodes_retry(struct cps_local_nodes *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        enum cps_status status = CPS_OK;
        if (self->nodes[i].links.refused)
            status = cps_links_flush(&self->nodes[i].links, self->now_ns);
        if (status != CPS_OK)
            cps_local_node_fail(self, &self->nodes[i], status);
    }
}

/* All frames between servers and workers go over bulk. MPI loses none, so a long step must not cause
 * retransmissions of its rows. */
static void trust_mpi(const struct cps_local_nodes *self, struct cps_local_node *node)
{
    const struct cps_route *route = self->setup.route;
    unsigned either = CPS_SERVERS | CPS_WORKERS;
    for (uint32_t peer = 0; self->setup.bulk && peer < route->nodes; peer++)
        if ((cps_route_role(route, node->role.node) | cps_route_role(route, peer)) == either)
            cps_links_set_patience(&node->links, peer, RESEND_MPI_NS);
}

static enum cps_status init_nodes(struct cps_local_nodes *self, const struct cps_role *roles)
{
    const struct cps_local_nodes_setup *setup = &self->setup;
    for (uint32_t i = 0; i < setup->route->nodes; i++)
        self->local[i] = ELSEWHERE;
    for (uint32_t i = 0; i < self->count; i++) {
        struct cps_local_node *node = &self->nodes[i];
        node->role = roles[i];
        self->local[roles[i].node] = i;
        self->near[roles[i].node] = true;
        CPS_TRY(cps_links_init(&node->links, roles[i].node, setup->route->nodes, setup->run_id, 0, RESEND_NS));
        if (setup->peer_timeout_ns)
            cps_links_limit_timeout(&node->links, setup->peer_timeout_ns / AGAIN_A_TIMEOUT);
        node->links.transmit = transmit;
        node->links.context = self;
        trust_mpi(self, node);
        CPS_TRY(cps_outbox_init(&node->outbox, setup->pool, roles[i].node, setup->route->nodes, setup->run_id));
        node->outbox.watch = &self->watch;
        node->outbox.near = self->near;
    }
    return CPS_OK;
}

enum cps_status cps_local_nodes_init(struct cps_local_nodes *self, const struct cps_local_nodes_setup *setup,
                                     const struct cps_role *roles, uint32_t count)
{
    *self = (struct cps_local_nodes){.setup = *setup, .count = count};
    CPS_TRY(cps_ending_init(&self->ending, setup->pool));
    CPS_TRY(cps_alloc("nodes", count, sizeof *self->nodes, &self->nodes));
    CPS_TRY(cps_alloc("nodes", setup->route->nodes, sizeof *self->local, &self->local));
    CPS_TRY(cps_alloc("nodes", setup->route->nodes, sizeof *self->near, &self->near));
    CPS_TRY(cps_alloc("nodes", setup->route->nodes, sizeof *self->progress, &self->progress));
    return init_nodes(self, roles);
}

void cps_local_nodes_release(struct cps_local_nodes *self)
{
    for (uint32_t i = 0; self->nodes && i < self->count; i++) {
        cps_links_release(&self->nodes[i].links);
        cps_outbox_release(&self->nodes[i].outbox);
    }
    cps_queue_release(&self->queue);
    cps_ending_release(&self->ending);
    free(self->nodes);
    free(self->local);
    free(self->near);
    free(self->progress);
}
