/*
 * The loop of a rank.
 *
 *      role.on_message / on_tick -> outbox --+--> queue (nodes of this rank) --+
 *               ^                            +--> bulk, control (others)       |
 *               |                                                             |
 *             links (order, once) <--- receive <--- bulk, control              |
 *               ^-------------------------------------------------------------+
 */
#include "common/drive/driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/drive/ending.h"
#include "common/drive/links.h"
#include "common/drive/rest.h"
#include "common/drive/watch.h"

#define TICK_NS 10000000u
#define LONGEST_BEAT_NS 1000000000u /* between heartbeats */
#define BEATS_A_TIMEOUT 4
#define AGAIN_A_TIMEOUT 8    /* frames are sent again at least so often before a peer is lost */
#define STALL_NS 1000000000u /* time between ticks beyond this is not counted as silence */
#define RESEND_NS 300000000u /* a frame that nobody acknowledged for so long is sent again */
#define RESEND_MPI_NS 10000000000u
#define RETRY_NS 1000000u /* before a transport is asked again to take a frame it refused */
#define FLUSH_NS 2000000000u
/* After an error: rows to a rank that no longer takes them never leave, and a launcher that was told
 * to end a job kills it after a second. */
#define FLUSH_FAILED_NS 250000000u

enum { BATCH = 64 };

struct node {
    struct cps_role role;
    struct cps_links links; /* to the nodes elsewhere */
    struct cps_outbox outbox;
    struct cps_watch watch; /* on what its role waits for */
    bool failed;            /* its role returned an error and is not called again */
    bool stopped;           /* and nothing more is expected for it */
};

struct cps_driver {
    struct cps_driver_options options;
    struct node *nodes;
    uint32_t node_count;
    uint32_t *local; /* [route.nodes]: index into nodes, or ELSEWHERE */
    struct cps_queue queue;
    struct cps_transport_counters counters;
    bool stop_sent; /* by the coordinator, if it lives here */
    bool interrupt_told;
    sig_atomic_t saves_told;
    struct cps_rest rest;
    uint64_t now_ns, tick_ns, heartbeat_ns;
    uint64_t awake_ns, heard_ns; /* silence is measured in time this process ran */
    uint64_t beat_ns;            /* between heartbeats: several in the time after which a peer is lost */
    uint64_t *progress;          /* [route.nodes]: messages that each has handled, as it last said */
    struct cps_stopwatch watch;
    struct cps_ending ending;
};

#define ELSEWHERE UINT32_MAX

static struct node *local_node(struct cps_driver *self, uint32_t number)
{
    uint32_t index = self->local[number];
    return index == ELSEWHERE ? NULL : &self->nodes[index];
}

/* Gives a frame to the transport that carries its kind. */
static enum cps_status transmit(void *context, const struct cps_message *frame, bool *sent)
{
    struct cps_driver *self = context;
    bool is_bulk = frame->kind == CPS_MESSAGE_EXCHANGE || frame->kind == CPS_MESSAGE_ROWS ||
                   frame->kind == CPS_MESSAGE_LEND || frame->kind == CPS_MESSAGE_RETURN;
    struct cps_transport *transport =
        is_bulk && self->options.bulk ? self->options.bulk : self->options.control;
    return transport->ops->send(transport, frame, sent);
}

/* Sends *message of node on its way; its payload is given away. */
static enum cps_status post(struct cps_driver *self, struct node *node, struct cps_message *message)
{
    if (self->local[message->to] != ELSEWHERE) {
        self->counters.sent[message->kind]++;
        self->counters.sent_bytes[message->kind] += cps_message_payload_bytes(message);
        return cps_queue_put(&self->queue, message);
    }
    return cps_links_send(&node->links, message, self->now_ns);
}

/* Sends all a role has put out, in order. After an error the rest is dropped. */
static enum cps_status empty_outbox(struct cps_driver *self, struct node *node)
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

static bool node_done(const struct node *node)
{
    return node->failed ? node->stopped : node->role.ops->done(node->role.self);
}

/* Sends FAIL or STOP with the rank's first error to a node elsewhere. */
static enum cps_status post_end(struct cps_driver *self, struct node *node, enum cps_message_kind kind,
                                uint32_t to)
{
    struct cps_message message = {
        .kind = kind, .from = node->role.node, .to = to, .run_id = self->options.run_id};
    cps_ending_say(&self->ending, &message);
    return cps_links_send_last(&node->links, &message, self->now_ns);
}

static void fail_node(struct cps_driver *self, struct node *node, enum cps_status why);

/* A node hears of an error on its own rank: the coordinator makes it its own, the others stop. */
static void tell_here(struct cps_driver *self, struct node *node, enum cps_status why)
{
    if (node->role.node == 0) {
        fail_node(self, node, why);
    } else if (!node_done(node)) {
        node->failed = node->stopped = true;
    }
}

/* The coordinator stops all, unless it has stopped them before. */
static enum cps_status stop_all(struct cps_driver *self, struct node *coordinator, enum cps_status why)
{
    bool sent = self->stop_sent;
    enum cps_status told = CPS_OK;
    self->stop_sent = coordinator->stopped = true;
    for (uint32_t to = 1; to < self->options.route.nodes && !sent; to++) {
        struct node *here = local_node(self, to);
        enum cps_status status = CPS_OK;
        if (here)
            tell_here(self, here, why);
        else
            status = post_end(self, coordinator, CPS_MESSAGE_STOP, to);
        told = told == CPS_OK ? status : told;
    }
    return told;
}

/* Ends node for an error of its own. It is told to whom it concerns; if even that fails the
 * others find out by silence. */
static void fail_node(struct cps_driver *self, struct node *node, enum cps_status why)
{
    enum cps_status told = CPS_OK;
    if (node->failed)
        return;
    node->failed = true;
    cps_ending_note(&self->ending, why);
    if (node->role.node == 0)
        told = stop_all(self, node, why);
    else if (local_node(self, 0))
        tell_here(self, local_node(self, 0), why);
    else
        told = post_end(self, node, CPS_MESSAGE_FAIL, 0);
    node->stopped |= told != CPS_OK;
}

/* What follows a call into a role that returned status. */
static void settle(struct cps_driver *self, struct node *node, enum cps_status status)
{
    enum cps_status sent = node->outbox.count ? empty_outbox(self, node) : CPS_OK;
    if (status == CPS_OK)
        status = sent;
    if (status != CPS_OK)
        fail_node(self, node, status);
}

/* Hands node one message in order, and releases it. */
static void handle(struct cps_driver *self, struct node *node, struct cps_message *message)
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
        settle(self, node, CPS_OK);
        /* Told to stop for an error: it is the coordinator's already. */
        if (status != CPS_OK) {
            cps_ending_note(&self->ending, status);
            node->failed = node->stopped = true;
        }
    } else if (!is_heartbeat || node->role.node == 0) {
        settle(self, node, node->role.ops->on_message(node->role.self, message, &node->outbox));
    }
    cps_message_release(message);
}

/* What came from elsewhere: once and in order. */
static enum cps_status deliver(struct cps_driver *self, struct cps_message *message)
{
    struct node *node = local_node(self, message->to);
    uint32_t peer = message->from;
    bool ready;
    CPS_TRY(cps_links_receive(&node->links, message, self->now_ns, &ready));
    if (!ready)
        return CPS_OK;
    if (message->kind == CPS_MESSAGE_HEARTBEAT)
        self->progress[peer] = message->pulse.progress;
    handle(self, node, message);
    while (cps_links_early(&node->links, peer, message))
        handle(self, node, message);
    return CPS_OK;
}

/* Handles up to a batch of messages between nodes of this rank, fewer when they take long:
 * a step of a large batch is work of many milliseconds. */
static enum cps_status deliver_local(struct cps_driver *self, uint32_t *handled)
{
    struct cps_message message;
    uint64_t until_ns = self->now_ns + TICK_NS;
    for (uint32_t i = 0; i < BATCH && self->now_ns < until_ns && cps_queue_take(&self->queue, &message); i++) {
        self->now_ns = cps_stopwatch_book(&self->watch, CPS_PHASE_OTHER);
        self->counters.received[message.kind]++;
        self->counters.received_bytes[message.kind] += cps_message_payload_bytes(&message);
        handle(self, local_node(self, message.to), &message);
        ++*handled;
    }
    return CPS_OK;
}

static enum cps_status deliver_from(struct cps_driver *self, struct cps_transport *transport, uint32_t *handled)
{
    struct cps_message message;
    for (uint32_t i = 0; transport && i < BATCH; i++) {
        bool received;
        CPS_TRY(transport->ops->receive(transport, &message, &received));
        if (!received)
            break;
        cps_stopwatch_book(&self->watch, CPS_PHASE_OTHER);
        CPS_TRY(deliver(self, &message));
        ++*handled;
    }
    return CPS_OK;
}

/* An error of the rank is one of every node on it. */
static void fail_all(struct cps_driver *self, enum cps_status why)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        fail_node(self, &self->nodes[i], why);
}

static bool all_failed(const struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        if (!self->nodes[i].failed)
            return false;
    return true;
}

/* All was said, and what would answer it cannot be received any more. */
static void give_up(struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        self->nodes[i].stopped = true;
}

static bool all_done(const struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        if (!node_done(&self->nodes[i]))
            return false;
    return true;
}

/* To the coordinator, from it, and between nodes that have to do with each other. The coordinator's role
 * judges by signs of life, also by those of nodes on its own rank. */
static enum cps_status say_heartbeats(struct cps_driver *self, struct node *node)
{
    uint32_t number = node->role.node;
    struct cps_message *message;
    for (uint32_t peer = 0; peer < self->options.route.nodes; peer++)
        if (self->local[peer] == ELSEWHERE &&
            (number == 0 || peer == 0 || cps_links_in_touch(&node->links, peer)))
            CPS_TRY(cps_links_heartbeat(&node->links, peer));
    if (number == 0 || self->local[0] == ELSEWHERE)
        return CPS_OK;
    return cps_outbox_add(&node->outbox, CPS_MESSAGE_HEARTBEAT, 0, 0, &message);
}

/* A node that waits for its disk goes on, as far as others can tell. */
static void note_busy(struct cps_driver *self, struct node *node)
{
    if (!node->role.ops->busy || node->failed || !node->role.ops->busy(node->role.self))
        return;
    node->links.progress++;
    self->progress[node->role.node] = node->links.progress;
}

static void heartbeat(struct cps_driver *self)
{
    if (self->now_ns < self->heartbeat_ns)
        return;
    self->heartbeat_ns = self->now_ns + self->beat_ns;
    for (uint32_t i = 0; i < self->node_count; i++)
        note_busy(self, &self->nodes[i]);
    for (uint32_t i = 0; i < self->node_count; i++)
        if (!node_done(&self->nodes[i]))
            settle(self, &self->nodes[i], say_heartbeats(self, &self->nodes[i]));
}

/* Resends, acknowledges, and tries again what a transport would not take; also of a node that is done. */
static void tick_links(struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++) {
        enum cps_status status = cps_links_tick(&self->nodes[i].links, self->now_ns);
        if (status != CPS_OK)
            fail_node(self, &self->nodes[i], status);
    }
}

/* True when a transport would not take a frame: it is tried again soon. */
static bool refused(const struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++)
        if (self->nodes[i].links.refused)
            return true;
    return false;
}

static void retry(struct cps_driver *self)
{
    for (uint32_t i = 0; i < self->node_count; i++) {
        enum cps_status status = CPS_OK;
        if (self->nodes[i].links.refused)
            status = cps_links_flush(&self->nodes[i].links, self->now_ns);
        if (status != CPS_OK)
            fail_node(self, &self->nodes[i], status);
    }
}

/* A rank that was told to end tells the coordinator, and goes on until that says how. */
static void pass_interrupt_on(struct cps_driver *self)
{
    struct node *node = &self->nodes[0];
    struct cps_message *wish;
    enum cps_status status = cps_outbox_add(&node->outbox, CPS_MESSAGE_FAIL, 0, 0, &wish);
    if (node->failed || node_done(node))
        return;
    if (status == CPS_OK)
        wish->end.status = CPS_ERR_INTERRUPTED;
    settle(self, node, status);
}

static void tell_interrupt(struct cps_driver *self)
{
    const volatile sig_atomic_t *interrupted = self->options.interrupted;
    struct node *coordinator = local_node(self, 0);
    if (!interrupted || !*interrupted || self->interrupt_told)
        return;
    self->interrupt_told = true;
    if (!coordinator)
        pass_interrupt_on(self);
    if (!coordinator || coordinator->failed)
        return;
    enum cps_status status = coordinator->role.ops->on_interrupt
                                 ? coordinator->role.ops->on_interrupt(coordinator->role.self,
                                                                       CPS_INTERRUPT_STOP, &coordinator->outbox)
                                 : cps_fail(CPS_ERR_INTERRUPTED, "interrupted");
    settle(self, coordinator, status);
}

/* Hands the coordinator the user's wish for a checkpoint. */
static void tell_save(struct cps_driver *self)
{
    const volatile sig_atomic_t *asked = self->options.save_asked;
    struct node *coordinator = local_node(self, 0);
    if (!asked || *asked == self->saves_told || !coordinator || coordinator->failed ||
        !coordinator->role.ops->on_interrupt)
        return;
    self->saves_told = *asked;
    settle(
        self, coordinator,
        coordinator->role.ops->on_interrupt(coordinator->role.self, CPS_INTERRUPT_SAVE, &coordinator->outbox));
}

static enum cps_status check_coordinator(struct cps_driver *self)
{
    if (self->options.torn_down && *self->options.torn_down)
        return cps_fail(CPS_ERR_PEER, "a rank was lost, and the launcher ends the job");
    uint64_t silence = self->awake_ns - self->heard_ns;
    if (!self->options.peer_timeout_ns || local_node(self, 0) || silence < self->options.peer_timeout_ns)
        return CPS_OK;
    char name[CPS_ROUTE_NAME_BYTES];
    cps_route_name(&self->options.route, 0, name);
    return cps_fail(CPS_ERR_PEER, "nothing was heard from %s for %.*f s", name, silence < 10000000000u,
                    (double)silence * 1e-9);
}

/* Whether node waits in vain. */
static enum cps_status look(struct cps_driver *self, struct node *node)
{
    return cps_watch_look(&node->watch, &node->role, &self->options.route, self->progress, self->awake_ns,
                          self->options.peer_timeout_ns);
}

/* A rank that was long away (in a validation, in a write to a slow disk, stopped by the user) has not heard
 * what came meanwhile: so that it does not judge by that, the clock of silence all but stood still. */
static enum cps_status tick(struct cps_driver *self)
{
    uint64_t since = self->now_ns - self->tick_ns;
    self->awake_ns += since < STALL_NS ? since : STALL_NS;
    self->tick_ns = self->now_ns;
    heartbeat(self);
    tell_interrupt(self);
    tell_save(self);
    for (uint32_t i = 0; i < self->node_count; i++) {
        struct node *node = &self->nodes[i];
        if (!node_done(node) && !node->failed)
            settle(self, node, node->role.ops->on_tick(node->role.self, self->awake_ns, &node->outbox));
        if (!node_done(node) && !node->failed)
            settle(self, node, look(self, node));
    }
    tick_links(self);
    return check_coordinator(self);
}

/* Lets the roles do what they have at hand. False when there is nothing. */
static bool work(struct cps_driver *self)
{
    bool any = false;
    for (uint32_t i = 0; i < self->node_count; i++) {
        struct node *node = &self->nodes[i];
        bool worked = false;
        if (node->failed || !node->role.ops->work)
            continue;
        cps_stopwatch_book(&self->watch, CPS_PHASE_OTHER);
        enum cps_status status = node->role.ops->work(node->role.self, &node->outbox, &worked);
        settle(self, node, status);
        any |= worked;
    }
    if (any)
        cps_rest_active(&self->rest, self->now_ns = cps_stopwatch_book(&self->watch, CPS_PHASE_WAIT));
    return any;
}

/* One turn of the loop. An error is the coordinator's loss. */
static enum cps_status turn(struct cps_driver *self)
{
    uint32_t handled = 0;
    enum cps_status status = deliver_local(self, &handled);
    if (status == CPS_OK)
        status = deliver_from(self, self->options.bulk, &handled);
    if (status == CPS_OK && cps_rest_control_due(&self->rest, self->now_ns))
        status = deliver_from(self, self->options.control, &handled);
    if (status != CPS_OK && all_failed(self))
        give_up(self);
    else if (status != CPS_OK)
        fail_all(self, status);
    if (refused(self))
        retry(self);
    self->now_ns = cps_stopwatch_book(&self->watch, CPS_PHASE_WAIT);
    if (handled)
        cps_rest_active(&self->rest, self->now_ns);
    if (self->now_ns - self->tick_ns >= TICK_NS) {
        cps_stopwatch_book(&self->watch, CPS_PHASE_OTHER);
        status = tick(self);
        cps_stopwatch_book(&self->watch, CPS_PHASE_WAIT);
        return status;
    }
    if (!handled && self->queue.count == 0 && !work(self)) {
        cps_rest_wait(&self->rest, self->now_ns, refused(self) ? RETRY_NS : TICK_NS);
        self->now_ns = cps_stopwatch_book(&self->watch, CPS_PHASE_WAIT);
    }
    return CPS_OK;
}

/* True when all that this rank said has left and is known to have arrived. */
static bool settled(const struct cps_driver *self)
{
    const struct cps_transport *transports[] = {self->options.control, self->options.bulk};
    for (size_t i = 0; i < 2; i++)
        if (transports[i] && !transports[i]->ops->idle((struct cps_transport *)transports[i]))
            return false;
    for (uint32_t i = 0; i < self->node_count; i++)
        if (!cps_links_settled(&self->nodes[i].links))
            return false;
    return true;
}

/* What arrives is for nobody any more, but for the acknowledgements in it. */
static enum cps_status drain(struct cps_driver *self, struct cps_transport *transport, bool *received)
{
    struct cps_message message;
    CPS_TRY(transport->ops->receive(transport, &message, received));
    if (!*received)
        return CPS_OK;
    bool ready;
    CPS_TRY(cps_links_receive(&local_node(self, message.to)->links, &message, self->now_ns, &ready));
    if (ready)
        cps_message_release(&message);
    return CPS_OK;
}

/* Waits until what was said has arrived, for a while. */
static void flush(struct cps_driver *self)
{
    struct cps_transport *transports[] = {self->options.control, self->options.bulk};
    uint64_t start = self->now_ns = cps_clock_ns();
    uint64_t limit = self->ending.status == CPS_OK ? FLUSH_NS : FLUSH_FAILED_NS;
    for (uint32_t i = 0; i < self->node_count && self->options.control; i++)
        if (cps_links_acknowledge(&self->nodes[i].links) != CPS_OK)
            return;
    while (!settled(self) && self->now_ns - start < limit) {
        bool received = false;
        for (size_t i = 0; i < 2 && !received; i++)
            if (transports[i] && drain(self, transports[i], &received) != CPS_OK)
                return;
        self->now_ns = cps_clock_ns();
        for (uint32_t i = 0; i < self->node_count; i++)
            if (cps_links_tick(&self->nodes[i].links, self->now_ns) != CPS_OK)
                return;
        if (!received)
            self->options.control->ops->wait(self->options.control, RETRY_NS);
    }
    for (uint32_t i = 0; i < self->node_count && self->options.control; i++)
        if (cps_links_acknowledge(&self->nodes[i].links) != CPS_OK)
            return;
}

enum cps_status cps_driver_run(struct cps_driver *self)
{
    self->now_ns = self->tick_ns = cps_clock_ns();
    cps_rest_active(&self->rest, self->now_ns);
    self->awake_ns = self->heard_ns = self->now_ns;
    cps_stopwatch_start(&self->watch);
    self->heartbeat_ns = self->now_ns + self->beat_ns;
    enum cps_status status = tick(self);
    while (status == CPS_OK && !all_done(self))
        status = turn(self);
    if (status != CPS_OK)
        cps_ending_note(&self->ending, status);
    flush(self);
    return cps_ending_recall(&self->ending);
}

static uint64_t beat_within(uint64_t timeout_ns)
{
    uint64_t beat_ns = timeout_ns / BEATS_A_TIMEOUT;
    return timeout_ns == 0 || beat_ns > LONGEST_BEAT_NS ? LONGEST_BEAT_NS : beat_ns;
}

/* Between servers and workers all frames go over bulk. MPI loses none, and a long step is not to be
 * answered by sending its rows again. */
static void trust_mpi(const struct cps_driver *self, struct node *node)
{
    const struct cps_route *route = &self->options.route;
    unsigned either = CPS_SERVERS | CPS_WORKERS;
    for (uint32_t peer = 0; self->options.bulk && peer < route->nodes; peer++)
        if ((cps_route_role(route, node->role.node) | cps_route_role(route, peer)) == either)
            cps_links_set_patience(&node->links, peer, RESEND_MPI_NS);
}

static enum cps_status init_nodes(struct cps_driver *self, const struct cps_role *roles)
{
    const struct cps_driver_options *options = &self->options;
    for (uint32_t i = 0; i < options->route.nodes; i++)
        self->local[i] = ELSEWHERE;
    for (uint32_t i = 0; i < self->node_count; i++) {
        struct node *node = &self->nodes[i];
        node->role = roles[i];
        self->local[roles[i].node] = i;
        CPS_TRY(
            cps_links_init(&node->links, roles[i].node, options->route.nodes, options->run_id, 0, RESEND_NS));
        if (options->peer_timeout_ns)
            cps_links_limit_timeout(&node->links, options->peer_timeout_ns / AGAIN_A_TIMEOUT);
        node->links.transmit = transmit;
        node->links.context = self;
        trust_mpi(self, node);
        CPS_TRY(cps_outbox_init(&node->outbox, options->pool, roles[i].node, options->route.nodes,
                                options->run_id));
        node->outbox.watch = &self->watch;
    }
    cps_rest_init(&self->rest, options->control, options->bulk, self->node_count == 1 && roles[0].node == 0);
    return CPS_OK;
}

enum cps_status cps_driver_create(const struct cps_driver_options *options, const struct cps_role *roles,
                                  uint32_t role_count, struct cps_driver **out)
{
    struct cps_driver *self;
    CPS_TRY(cps_alloc("a driver", 1, sizeof *self, &self));
    self->options = *options;
    self->node_count = role_count;
    self->beat_ns = beat_within(options->peer_timeout_ns);
    enum cps_status status = cps_ending_init(&self->ending, options->pool);
    if (status == CPS_OK)
        status = cps_alloc("nodes", role_count, sizeof *self->nodes, &self->nodes);
    if (status == CPS_OK)
        status = cps_alloc("nodes", options->route.nodes, sizeof *self->local, &self->local);
    if (status == CPS_OK)
        status = cps_alloc("nodes", options->route.nodes, sizeof *self->progress, &self->progress);
    if (status == CPS_OK)
        status = init_nodes(self, roles);
    if (status != CPS_OK) {
        cps_driver_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_driver_destroy(struct cps_driver **self)
{
    if (!*self)
        return;
    for (uint32_t i = 0; (*self)->nodes && i < (*self)->node_count; i++) {
        cps_links_release(&(*self)->nodes[i].links);
        cps_outbox_release(&(*self)->nodes[i].outbox);
    }
    cps_queue_release(&(*self)->queue);
    cps_ending_release(&(*self)->ending);
    free((*self)->nodes);
    free((*self)->local);
    free((*self)->progress);
    free(*self);
    *self = NULL;
}

const struct cps_transport_counters *cps_driver_local_counters(const struct cps_driver *self)
{
    return &self->counters;
}

void cps_driver_times(const struct cps_driver *self, uint64_t *busy_ns, uint64_t *idle_ns)
{
    const uint64_t *spent_ns = self->watch.spent_ns;
    *idle_ns = spent_ns[CPS_PHASE_WAIT];
    *busy_ns = 0;
    for (int phase = 0; phase < CPS_PHASES; phase++)
        *busy_ns += phase == CPS_PHASE_WAIT ? 0 : spent_ns[phase];
}
