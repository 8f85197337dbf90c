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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/drive/local_nodes.h"
#include "common/drive/rest.h"

#define TICK_NS 10000000u
#define LONGEST_BEAT_NS 1000000000u /* between heartbeats */
#define BEATS_A_TIMEOUT 4
#define STALL_NS 1000000000u /* the most time between two ticks that counts as silence */
#define RETRY_NS 1000000u    /* before a frame that a transport refused is offered again */
#define FLUSH_NS 2000000000u
/* After an error: frames to a rank that no longer receives are never delivered, and a launcher that ends a job
 * kills it after a second. */
#define FLUSH_FAILED_NS 250000000u

enum { BATCH = 64 };

struct cps_driver {
    struct cps_driver_options options;
    struct cps_local_nodes here;
    bool interrupt_told;
    sig_atomic_t saves_told;
    struct cps_rest rest;
    uint64_t tick_ns, heartbeat_ns; /* times of the last ones */
    uint64_t beat_ns;               /* between heartbeats; a fraction of the peer timeout */
};

/* Handles up to a batch of messages between nodes of this rank, fewer if they take long: a step of a large
 * batch takes many milliseconds. */
static enum cps_status deliver_local(struct cps_driver *self, uint32_t *handled)
{
    struct cps_message message;
    uint64_t until_ns = self->here.now_ns + TICK_NS;
    for (uint32_t i = 0;
         i < BATCH && self->here.now_ns < until_ns && cps_queue_take(&self->here.queue, &message); i++) {
        self->here.now_ns = cps_stopwatch_book(&self->here.watch, CPS_PHASE_OTHER);
        self->here.counters.received[message.kind]++;
        self->here.counters.received_bytes[message.kind] += cps_message_payload_bytes(&message);
        cps_local_node_handle(&self->here, cps_local_node(&self->here, message.to), &message);
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
        self->here.now_ns = cps_stopwatch_book(&self->here.watch, CPS_PHASE_OTHER);
        CPS_TRY(cps_local_nodes_deliver(&self->here, &message));
        ++*handled;
    }
    return CPS_OK;
}

/* Sends heartbeats to and from the coordinator, and between nodes that exchange messages. The coordinator
 * watches all nodes, also those on its own rank. */
static enum cps_status say_heartbeats(struct cps_driver *self, struct cps_local_node *node)
{
    uint32_t number = node->role.node;
    struct cps_message *message;
    for (uint32_t peer = 0; peer < self->options.route.nodes; peer++)
        if (!cps_local_node(&self->here, peer) &&
            (number == 0 || peer == 0 || cps_links_in_touch(&node->links, peer)))
            CPS_TRY(cps_links_heartbeat(&node->links, peer));
    if (number == 0 || !cps_local_node(&self->here, 0))
        return CPS_OK;
    return cps_outbox_add(&node->outbox, CPS_MESSAGE_HEARTBEAT, 0, 0, &message);
}

/* Counts waiting for a disk, or sorting, as progress. */
static void note_busy(struct cps_driver *self, struct cps_local_node *node)
{
    if (!node->role.ops->busy || node->failed || !node->role.ops->busy(node->role.self))
        return;
    node->links.progress++;
    self->here.progress[node->role.node] = node->links.progress;
}

static void heartbeat(struct cps_driver *self)
{
    if (self->here.now_ns < self->heartbeat_ns)
        return;
    self->heartbeat_ns = self->here.now_ns + self->beat_ns;
    for (uint32_t i = 0; i < self->here.count; i++)
        note_busy(self, &self->here.nodes[i]);
    for (uint32_t i = 0; i < self->here.count; i++)
        if (!cps_local_node_done(&self->here.nodes[i]))
            cps_local_node_settle(&self->here, &self->here.nodes[i],
                                  say_heartbeats(self, &self->here.nodes[i]));
}

/* An interrupted rank tells the coordinator, and continues until the coordinator stops it. */
static void pass_interrupt_on(struct cps_driver *self)
{
    struct cps_local_node *node = &self->here.nodes[0];
    struct cps_message *wish;
    enum cps_status status = cps_outbox_add(&node->outbox, CPS_MESSAGE_FAIL, 0, 0, &wish);
    if (node->failed || cps_local_node_done(node))
        return;
    if (status == CPS_OK)
        wish->end.status = CPS_ERR_INTERRUPTED;
    cps_local_node_settle(&self->here, node, status);
}

static void tell_interrupt(struct cps_driver *self)
{
    const volatile sig_atomic_t *interrupted = self->options.interrupted;
    struct cps_local_node *coordinator = cps_local_node(&self->here, 0);
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
    cps_local_node_settle(&self->here, coordinator, status);
}

/* Passes the user's request for a checkpoint on to the coordinator. */
static void tell_save(struct cps_driver *self)
{
    const volatile sig_atomic_t *asked = self->options.save_asked;
    struct cps_local_node *coordinator = cps_local_node(&self->here, 0);
    if (!asked || *asked == self->saves_told || !coordinator || coordinator->failed ||
        !coordinator->role.ops->on_interrupt)
        return;
    self->saves_told = *asked;
    cps_local_node_settle(
        &self->here, coordinator,
        coordinator->role.ops->on_interrupt(coordinator->role.self, CPS_INTERRUPT_SAVE, &coordinator->outbox));
}

static enum cps_status check_coordinator(struct cps_driver *self)
{
    if (self->options.torn_down && *self->options.torn_down)
        return cps_fail(CPS_ERR_PEER, "a rank was lost, and the launcher ends the job");
    uint64_t silence = self->here.awake_ns - self->here.heard_ns;
    if (!self->options.peer_timeout_ns || cps_local_node(&self->here, 0) ||
        silence < self->options.peer_timeout_ns)
        return CPS_OK;
    char name[CPS_ROUTE_NAME_BYTES];
    cps_route_name(&self->options.route, 0, name);
    return cps_fail(CPS_ERR_PEER, "nothing was heard from %s for %.*f s", name, silence < 10000000000u,
                    (double)silence * 1e-9);
}

/* Fails if node has waited too long. */
static enum cps_status look(struct cps_driver *self, struct cps_local_node *node)
{
    return cps_watch_look(&node->watch, &node->role, &self->options.route, self->here.progress,
                          self->here.awake_ns, self->options.peer_timeout_ns);
}

/* A rank that did not run the loop for long (during a validation or a write to a slow disk, or stopped by the
 * user) has not yet received what peers sent meanwhile. It must not take this for silence, so the clock by
 * which silence is measured advances by STALL_NS at most. */
static enum cps_status tick(struct cps_driver *self)
{
    uint64_t since = self->here.now_ns - self->tick_ns;
    self->here.awake_ns += since < STALL_NS ? since : STALL_NS;
    self->tick_ns = self->here.now_ns;
    heartbeat(self);
    tell_interrupt(self);
    tell_save(self);
    for (uint32_t i = 0; i < self->here.count; i++) {
        struct cps_local_node *node = &self->here.nodes[i];
        if (!cps_local_node_done(node) && !node->failed)
            cps_local_node_settle(&self->here, node,
                                  node->role.ops->on_tick(node->role.self, self->here.awake_ns, &node->outbox));
        if (!cps_local_node_done(node) && !node->failed)
            cps_local_node_settle(&self->here, node, look(self, node));
    }
    cps_local_nodes_tick(&self->here);
    return check_coordinator(self);
}

/* Lets the roles do work that is ready. False if there is none. */
static bool work(struct cps_driver *self)
{
    bool any = false;
    for (uint32_t i = 0; i < self->here.count; i++) {
        struct cps_local_node *node = &self->here.nodes[i];
        bool worked = false;
        if (node->failed || !node->role.ops->work)
            continue;
        cps_stopwatch_book(&self->here.watch, CPS_PHASE_OTHER);
        enum cps_status status = node->role.ops->work(node->role.self, &node->outbox, &worked);
        cps_local_node_settle(&self->here, node, status);
        any |= worked;
    }
    if (any)
        cps_rest_active(&self->rest, self->here.now_ns = cps_stopwatch_book(&self->here.watch, CPS_PHASE_WAIT));
    return any;
}

/* One iteration of the loop. An error means that the coordinator was lost. */
static enum cps_status turn(struct cps_driver *self)
{
    uint32_t handled = 0;
    enum cps_status status = deliver_local(self, &handled);
    if (status == CPS_OK)
        status = deliver_from(self, self->options.bulk, &handled);
    if (status == CPS_OK && cps_rest_control_due(&self->rest, self->here.now_ns))
        status = deliver_from(self, self->options.control, &handled);
    if (status != CPS_OK && cps_local_nodes_all_failed(&self->here))
        cps_local_nodes_give_up(&self->here);
    else if (status != CPS_OK)
        cps_local_nodes_fail(&self->here, status);
    self->here.now_ns = cps_stopwatch_book(&self->here.watch, CPS_PHASE_WAIT);
    if (cps_local_nodes_refused(&self->here))
        cps_local_nodes_retry(&self->here);
    if (handled)
        cps_rest_active(&self->rest, self->here.now_ns);
    if (self->here.now_ns - self->tick_ns >= TICK_NS) {
        cps_stopwatch_book(&self->here.watch, CPS_PHASE_OTHER);
        status = tick(self);
        cps_stopwatch_book(&self->here.watch, CPS_PHASE_WAIT);
        return status;
    }
    if (!handled && self->here.queue.count == 0 && !work(self))
        cps_rest_wait(&self->rest, self->here.now_ns,
                      cps_local_nodes_refused(&self->here) ? RETRY_NS : TICK_NS);
    return CPS_OK;
}

/* True when all messages of this rank have been sent and acknowledged. */
static bool settled(const struct cps_driver *self)
{
    const struct cps_transport *transports[] = {self->options.control, self->options.bulk};
    for (size_t i = 0; i < 2; i++)
        if (transports[i] && !transports[i]->ops->idle((struct cps_transport *)transports[i]))
            return false;
    for (uint32_t i = 0; i < self->here.count; i++)
        if (!cps_links_settled(&self->here.nodes[i].links))
            return false;
    return true;
}

/* Drops arriving messages after processing their acknowledgements. */
static enum cps_status drain(struct cps_driver *self, struct cps_transport *transport, bool *received)
{
    struct cps_message message;
    CPS_TRY(transport->ops->receive(transport, &message, received));
    if (!*received)
        return CPS_OK;
    bool ready;
    CPS_TRY(cps_links_receive(&cps_local_node(&self->here, message.to)->links, &message, self->here.now_ns,
                              &ready));
    if (ready)
        cps_message_release(&message);
    return CPS_OK;
}

/* Waits a limited time until all messages sent have been acknowledged. */
static void flush(struct cps_driver *self)
{
    struct cps_transport *transports[] = {self->options.control, self->options.bulk};
    uint64_t start = self->here.now_ns = cps_clock_ns();
    uint64_t limit = self->here.ending.status == CPS_OK ? FLUSH_NS : FLUSH_FAILED_NS;
    if (self->options.peer_timeout_ns && limit > self->options.peer_timeout_ns / 4)
        limit = self->options.peer_timeout_ns / 4; /* the other ranks are already waiting for this one */
    for (uint32_t i = 0; i < self->here.count && self->options.control; i++)
        if (cps_links_acknowledge(&self->here.nodes[i].links) != CPS_OK)
            return;
    while (!settled(self) && self->here.now_ns - start < limit) {
        bool received = false;
        for (size_t i = 0; i < 2 && !received; i++)
            if (transports[i] && drain(self, transports[i], &received) != CPS_OK)
                return;
        self->here.now_ns = cps_clock_ns();
        for (uint32_t i = 0; i < self->here.count; i++)
            if (cps_links_tick(&self->here.nodes[i].links, self->here.now_ns) != CPS_OK)
                return;
        if (!received)
            self->options.control->ops->wait(self->options.control, RETRY_NS);
    }
    for (uint32_t i = 0; i < self->here.count && self->options.control; i++)
        if (cps_links_acknowledge(&self->here.nodes[i].links) != CPS_OK)
            return;
}

enum cps_status cps_driver_run(struct cps_driver *self)
{
    self->here.now_ns = self->tick_ns = cps_clock_ns();
    cps_rest_active(&self->rest, self->here.now_ns);
    self->here.awake_ns = self->here.heard_ns = self->here.now_ns;
    cps_stopwatch_start(&self->here.watch);
    self->heartbeat_ns = self->here.now_ns + self->beat_ns;
    enum cps_status status = tick(self);
    while (status == CPS_OK && !cps_local_nodes_all_done(&self->here))
        status = turn(self);
    if (status != CPS_OK)
        cps_ending_note(&self->here.ending, status);
    flush(self);
    return cps_ending_recall(&self->here.ending);
}

static uint64_t beat_within(uint64_t timeout_ns)
{
    uint64_t beat_ns = timeout_ns / BEATS_A_TIMEOUT;
    return timeout_ns == 0 || beat_ns > LONGEST_BEAT_NS ? LONGEST_BEAT_NS : beat_ns;
}

enum cps_status cps_driver_create(const struct cps_driver_options *options, const struct cps_role *roles,
                                  uint32_t role_count, struct cps_driver **out)
{
    struct cps_driver *self;
    CPS_TRY(cps_alloc("a driver", 1, sizeof *self, &self));
    self->options = *options;
    self->beat_ns = beat_within(options->peer_timeout_ns);
    const struct cps_local_nodes_setup here = {.route = &self->options.route,
                                               .run_id = options->run_id,
                                               .pool = options->pool,
                                               .control = options->control,
                                               .bulk = options->bulk,
                                               .peer_timeout_ns = options->peer_timeout_ns};
    enum cps_status status = cps_local_nodes_init(&self->here, &here, roles, role_count);
    cps_rest_init(&self->rest, options->control, options->bulk, role_count == 1 && roles[0].node == 0,
                  options->crowded);
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
    cps_local_nodes_release(&(*self)->here);
    free(*self);
    *self = NULL;
}

const struct cps_transport_counters *cps_driver_local_counters(const struct cps_driver *self)
{
    return &self->here.counters;
}

void cps_driver_times(const struct cps_driver *self, uint64_t *busy_ns, uint64_t *idle_ns)
{
    const uint64_t *spent_ns = self->here.watch.spent_ns;
    *idle_ns = spent_ns[CPS_PHASE_WAIT];
    *busy_ns = 0;
    for (int phase = 0; phase < CPS_PHASES; phase++)
        *busy_ns += phase == CPS_PHASE_WAIT ? 0 : spent_ns[phase];
}
