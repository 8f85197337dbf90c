/*
 * The simulator; see simulator.h.
 *
 *   roles -> outboxes -> channels -> network (seeded choice, faults) -> channels -> roles
 *
 * The choice causes delay and reordering: any frame in flight may be next, however long others have waited. The
 * channels are the program's own; see network.h for the faults.
 */
#include "tests/simulation/simulator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/drive/links.h"
#include "server/shard/lender.h"
#include "server/shard/server.h"
#include "tests/simulation/network.h"
#include "worker/block_worker.h"
#include "worker/worker.h"

struct node {
    struct cps_role role;
    struct cps_outbox outbox;
    struct cps_links links;
};

struct job {
    const struct cps_simulation *simulation;
    uint32_t nodes;
    struct node *node;
    struct cps_coordinator *coordinator;
    struct cps_server **servers;
    struct cps_worker **workers;
    struct cps_lender **lenders;             /* in place of servers in the block solver */
    struct cps_block_worker **block_workers; /* in place of workers */
    struct cps_buffer_pool *pool;
    struct cps_network network;
    bool *near; /* [nodes]: all of them */
    uint64_t deliveries;
    struct cps_sha256 *model;
    struct cps_simulated_save making; /* the checkpoint being made */
    bool made;
    uint64_t saves, skipped;
    uint64_t diverged_step;
    uint32_t rows_sum; /* checksum of the rows of an epoch's model received so far */
};

static const uint64_t RUN_ID = 0x53494d, PATIENCE_NS = 300000000, QUIET_NS = 20000000;
enum { TICKS_APART = 4, WORKS_APART = 4, MOST_QUIET = 10000 };

static uint64_t draw(struct job *self)
{
    return cps_network_draw(&self->network);
}

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    (void)context;
    (void)start;
    return CPS_OK;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    struct job *self = context;
    struct cps_simulated_curve *curve = self->simulation->curve;
    curve->step[step->step] = step->loss;
    curve->told[step->step]++;
    return CPS_OK;
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    struct job *self = context;
    struct cps_simulated_curve *curve = self->simulation->curve;
    curve->epoch[epoch->epoch][0] = epoch->train_loss;
    curve->epoch[epoch->epoch][1] = epoch->valid_loss;
    curve->epochs_told++;
    return CPS_OK;
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    struct job *self = context;
    self->diverged_step = step;
    return CPS_OK;
}

/* All epochs except the first, so that both ways to end an epoch are tested. */
static bool wants_epoch(void *context)
{
    const struct job *self = context;
    return self->simulation->curve->epochs_told > 1;
}

static enum cps_status on_epoch_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    struct job *self = context;
    const struct cps_plan *plan = &self->simulation->plan;
    const uint8_t *bytes = (const uint8_t *)rows;
    uint32_t sum = first_key == 0 ? 2166136261u : self->rows_sum; /* FNV-1a */
    for (size_t i = 0; i < (size_t)count * cps_plan_row_width(plan) * sizeof *rows; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    self->rows_sum = sum;
    if (first_key + count == cps_plan_keys(plan))
        self->simulation->curve->rows_sum[self->simulation->curve->epochs_told - 1] = sum | 1;
    return CPS_OK;
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    struct job *self = context;
    (void)first_key;
    cps_sha256_add(self->model, rows,
                   (size_t)count * cps_plan_row_width(&self->simulation->plan) * sizeof *rows);
    return CPS_OK;
}

static enum cps_status on_complete(void *context)
{
    (void)context;
    return CPS_OK;
}

/* ---- checkpoints ---- */

static size_t state_bytes(const struct job *self)
{
    const struct cps_plan *plan = &self->simulation->plan;
    return (size_t)cps_plan_keys(plan) * cps_plan_state_words(plan) * sizeof(uint32_t);
}

static void on_mark(void *context, struct cps_save_mark *mark)
{
    const struct job *self = context;
    mark->record_bytes[0] = self->simulation->curve->epochs_told;
}

static void on_begin(void *context, const struct cps_save_mark *mark)
{
    struct job *self = context;
    self->making.mark = *mark;
    self->made = false;
}

static void on_state(void *context, uint32_t server, const struct cps_state *state, struct cps_buffer *payload)
{
    struct job *self = context;
    uint32_t servers = self->simulation->plan.servers;
    const uint32_t *words = (const uint32_t *)(const void *)payload->data;
    for (uint32_t i = 0; i < state->rows; i++, words += state->words)
        memcpy(self->making.state + (size_t)(server + (state->first_row + i) * servers) * state->words, words,
               state->words * sizeof *words);
}

static bool reserve(void *context)
{
    struct job *self = context;
    return !self->simulation->schedule || draw(self) % 2;
}

static void on_end(void *context)
{
    struct job *self = context;
    self->made = true;
}

static enum cps_save_outcome outcome(void *context)
{
    struct job *self = context;
    struct cps_simulated_save *save = self->simulation->save;
    if (!self->made || (self->simulation->schedule && draw(self) % 2))
        return CPS_SAVE_PENDING;
    memcpy(save->state, self->making.state, state_bytes(self));
    save->mark = self->making.mark;
    save->valid = true;
    self->saves++;
    return CPS_SAVE_VALID;
}

static void on_skip(void *context, const struct cps_save_mark *mark)
{
    struct job *self = context;
    (void)mark;
    self->skipped++;
}

static void restart_rows(const void *context, uint32_t first_key, uint32_t stride, uint32_t count,
                         uint32_t *out)
{
    const struct job *self = context;
    uint32_t words = cps_plan_state_words(&self->simulation->plan);
    for (uint32_t i = 0; i < count; i++, out += words)
        memcpy(out, self->simulation->restart->state + (size_t)(first_key + i * stride) * words,
               words * sizeof *out);
}

static enum cps_status begin_saves(struct job *self)
{
    const struct cps_simulation *simulation = self->simulation;
    const struct cps_save_sink sink = {.context = self,
                                       .mark = on_mark,
                                       .begin = on_begin,
                                       .rows = on_state,
                                       .reserve = reserve,
                                       .end = on_end,
                                       .outcome = outcome,
                                       .skip = on_skip};
    if (simulation->restart) {
        const struct cps_restart restart = {
            .mark = simulation->restart->mark, .context = self, .rows = restart_rows};
        CPS_TRY(cps_coordinator_restart(self->coordinator, &restart));
    }
    if (!simulation->save)
        return CPS_OK;
    CPS_TRY(cps_alloc("a checkpoint", state_bytes(self), 1, &self->making.state));
    return cps_coordinator_save_to(self->coordinator, &sink);
}

static enum cps_status create_block_roles(struct job *self)
{
    const struct cps_simulation *simulation = self->simulation;
    const struct cps_plan *plan = &simulation->plan;
    CPS_TRY(cps_alloc("servers", plan->servers, sizeof *self->lenders, &self->lenders));
    CPS_TRY(cps_alloc("workers", plan->workers, sizeof *self->block_workers, &self->block_workers));
    for (uint32_t s = 0; s < plan->servers; s++) {
        CPS_TRY(cps_lender_create(s, self->nodes, NULL, &self->lenders[s]));
        self->node[1 + s].role = cps_lender_role(self->lenders[s]);
    }
    for (uint32_t w = 0; w < plan->workers; w++) {
        uint32_t node = 1 + plan->servers + w;
        CPS_TRY(cps_block_worker_create(node, &simulation->shards[w], simulation->kernels, 1, UINT64_MAX,
                                        &self->block_workers[w]));
        self->node[node].role = cps_block_worker_role(self->block_workers[w]);
    }
    return CPS_OK;
}

static enum cps_status create_roles(struct job *self)
{
    const struct cps_simulation *simulation = self->simulation;
    const struct cps_plan *plan = &simulation->plan;
    const struct cps_observer observer = {.context = self,
                                          .on_start = on_start,
                                          .on_step = on_step,
                                          .on_epoch = on_epoch,
                                          .on_diverged = on_diverged,
                                          .wants_epoch = wants_epoch,
                                          .on_epoch_rows = on_epoch_rows,
                                          .on_rows = on_rows,
                                          .on_complete = on_complete};
    CPS_TRY(cps_alloc("servers", plan->servers, sizeof *self->servers, &self->servers));
    CPS_TRY(cps_alloc("workers", plan->workers, sizeof *self->workers, &self->workers));
    CPS_TRY(cps_coordinator_create(plan, simulation->shards[0].fingerprint, &observer, 0, &self->coordinator));
    CPS_TRY(begin_saves(self));
    self->node[0].role = cps_coordinator_role(self->coordinator);
    if (plan->solver == CPS_SOLVER_BLOCK)
        return create_block_roles(self);
    for (uint32_t s = 0; s < plan->servers; s++) {
        CPS_TRY(cps_server_create(s, self->nodes, simulation->kernels, NULL, NULL, &self->servers[s]));
        self->node[1 + s].role = cps_server_role(self->servers[s]);
    }
    for (uint32_t w = 0; w < plan->workers; w++) {
        uint32_t node = 1 + plan->servers + w;
        CPS_TRY(cps_worker_create(node, &simulation->shards[w], simulation->kernels, NULL, NULL,
                                  &self->workers[w]));
        self->node[node].role = cps_worker_role(self->workers[w]);
    }
    return CPS_OK;
}

static enum cps_status create(struct job *self)
{
    CPS_TRY(
        cps_network_init(&self->network, self->simulation->schedule, self->nodes, &self->simulation->faults));
    CPS_TRY(cps_sha256_create(&self->model));
    CPS_TRY(cps_buffer_pool_create(&self->pool));
    CPS_TRY(cps_alloc("nodes", self->nodes, sizeof *self->node, &self->node));
    CPS_TRY(cps_alloc("nodes", self->nodes, sizeof *self->near, &self->near));
    memset(self->near, true, self->nodes);
    for (uint32_t n = 0; n < self->nodes; n++) {
        CPS_TRY(cps_outbox_init(&self->node[n].outbox, self->pool, n, self->nodes, RUN_ID));
        CPS_TRY(cps_links_init(&self->node[n].links, n, self->nodes, RUN_ID, 0, PATIENCE_NS));
        self->node[n].outbox.near = self->simulation->near ? self->near : NULL;
        self->node[n].links.transmit = cps_network_transmit;
        self->node[n].links.context = &self->network;
    }
    return create_roles(self);
}

static void destroy(struct job *self)
{
    cps_network_release(&self->network);
    for (uint32_t w = 0; self->workers && w < self->simulation->plan.workers; w++)
        cps_worker_destroy(&self->workers[w]);
    for (uint32_t s = 0; self->servers && s < self->simulation->plan.servers; s++)
        cps_server_destroy(&self->servers[s]);
    for (uint32_t w = 0; self->block_workers && w < self->simulation->plan.workers; w++)
        cps_block_worker_destroy(&self->block_workers[w]);
    for (uint32_t s = 0; self->lenders && s < self->simulation->plan.servers; s++)
        cps_lender_destroy(&self->lenders[s]);
    cps_coordinator_destroy(&self->coordinator);
    for (uint32_t n = 0; self->node && n < self->nodes; n++) {
        cps_outbox_release(&self->node[n].outbox);
        cps_links_release(&self->node[n].links);
    }
    free(self->servers);
    free(self->workers);
    free(self->lenders);
    free(self->block_workers);
    free(self->node);
    free(self->near);
    if (self->pool)
        cps_buffer_pool_destroy(&self->pool);
    cps_sha256_destroy(&self->model);
    free(self->making.state);
}

/* Sends the messages in the outbox of a role. */
static enum cps_status collect(struct job *self, struct node *node)
{
    struct cps_outbox *outbox = &node->outbox;
    enum cps_status status = CPS_OK;
    for (size_t i = 0; i < outbox->count; i++)
        if (status == CPS_OK)
            status = cps_links_send(&node->links, &outbox->messages[i], self->network.now_ns);
        else
            cps_message_release(&outbox->messages[i]);
    outbox->count = 0;
    return status;
}

static enum cps_status handle(struct job *self, struct node *node, struct cps_message *message)
{
    enum cps_status status = CPS_OK;
    if (message->kind != CPS_MESSAGE_HEARTBEAT)
        status = node->role.ops->on_message(node->role.self, message, &node->outbox);
    cps_message_release(message);
    return status == CPS_OK ? collect(self, node) : status;
}

static enum cps_status receive(struct job *self, struct cps_message *message)
{
    struct node *node = &self->node[message->to];
    uint32_t peer = message->from;
    bool ready;
    CPS_TRY(cps_links_receive(&node->links, message, self->network.now_ns, &ready));
    if (!ready)
        return CPS_OK;
    CPS_TRY(handle(self, node, message));
    while (cps_links_early(&node->links, peer, message))
        CPS_TRY(handle(self, node, message));
    return CPS_OK;
}

static enum cps_status tick(struct job *self, uint32_t number)
{
    struct node *node = &self->node[number];
    if (cps_network_stalled(&self->network, number))
        return CPS_OK;
    if (!node->role.ops->done(node->role.self)) {
        CPS_TRY(node->role.ops->on_tick(node->role.self, self->network.now_ns, &node->outbox));
        CPS_TRY(collect(self, node));
    }
    return cps_links_tick(&node->links, self->network.now_ns);
}

/* Delivers the user's signals at their times. */
static enum cps_status interrupt(struct job *self)
{
    const struct cps_simulation *simulation = self->simulation;
    struct node *coordinator = &self->node[0];
    bool asks = self->deliveries == simulation->ask_at, stops = self->deliveries == simulation->stop_at;
    if (!asks && !stops)
        return CPS_OK;
    CPS_TRY(coordinator->role.ops->on_interrupt(
        coordinator->role.self, stops ? CPS_INTERRUPT_STOP : CPS_INTERRUPT_SAVE, &coordinator->outbox));
    return collect(self, coordinator);
}

static bool all_done(const struct job *self)
{
    for (uint32_t n = 0; n < self->nodes; n++)
        if (!self->node[n].role.ops->done(self->node[n].role.self))
            return false;
    return true;
}

/* No frame can be delivered: time advances to the next tick of every role. */
static enum cps_status wait(struct job *self)
{
    self->network.now_ns += QUIET_NS;
    for (uint32_t n = 0; n < self->nodes; n++)
        CPS_TRY(tick(self, n));
    return CPS_OK;
}

static enum cps_status stuck(const struct job *self)
{
    struct cps_awaited awaited = {.what = "nothing that it knows of"};
    uint32_t n = 0;
    while (n < self->nodes - 1 && self->node[n].role.ops->done(self->node[n].role.self))
        n++;
    if (self->node[n].role.ops->awaits)
        self->node[n].role.ops->awaits(self->node[n].role.self, &awaited);
    return cps_fail(CPS_ERR_PEER, "node %u waits in vain for %s %llu of node %u", n, awaited.what,
                    (unsigned long long)awaited.number, awaited.node);
}

/* Lets a role do some of its pending work. */
static enum cps_status work(struct job *self, uint32_t number, bool *worked)
{
    struct node *node = &self->node[number];
    if (!node->role.ops->work || node->role.ops->done(node->role.self))
        return CPS_OK;
    CPS_TRY(node->role.ops->work(node->role.self, &node->outbox, worked));
    return collect(self, node);
}

static enum cps_status run(struct job *self)
{
    struct cps_network *network = &self->network;
    uint32_t quiet = 0;
    for (uint32_t n = 0; n < self->nodes; n++)
        CPS_TRY(tick(self, n));
    while (!all_done(self)) {
        struct cps_message message;
        bool worked = false;
        if (network->seed && draw(self) % WORKS_APART == 0)
            CPS_TRY(work(self, (uint32_t)(draw(self) % self->nodes), &worked));
        if (!cps_network_next(network, &message)) {
            for (uint32_t n = 0; n < self->nodes && !worked; n++)
                CPS_TRY(work(self, n, &worked));
            if (worked)
                continue;
            CPS_TRY(++quiet > MOST_QUIET ? stuck(self) : wait(self));
            continue;
        }
        quiet = 0;
        if (++self->deliveries > self->simulation->max_deliveries) {
            cps_message_release(&message);
            return stuck(self);
        }
        CPS_TRY(receive(self, &message));
        if (self->deliveries == self->simulation->cut_at)
            return cps_fail(CPS_ERR_PREEMPTED, "lost");
        CPS_TRY(interrupt(self));
        if (network->seed && draw(self) % TICKS_APART == 0)
            CPS_TRY(tick(self, (uint32_t)(draw(self) % self->nodes)));
    }
    return CPS_OK;
}

enum cps_status cps_simulate(const struct cps_simulation *simulation, struct cps_simulation_result *out)
{
    struct job job = {.simulation = simulation,
                      .nodes = 1 + simulation->plan.servers + simulation->plan.workers};
    enum cps_status status = create(&job);
    if (status == CPS_OK)
        status = run(&job);
    bool ended = status == CPS_OK, cut = status == CPS_ERR_PREEMPTED || status == CPS_ERR_INTERRUPTED;
    bool diverged = status == CPS_ERR_DIVERGED;
    if (ended || cut || diverged) {
        status = CPS_OK;
        *out = (struct cps_simulation_result){.ended = ended,
                                              .diverged = diverged,
                                              .diverged_step = job.diverged_step,
                                              .deliveries = job.deliveries,
                                              .saves = job.saves,
                                              .skipped = job.skipped};
        cps_sha256_finish(job.model, out->model);
        for (uint32_t n = 0; n < job.nodes; n++) {
            uint64_t repeated, dropped;
            cps_links_count(&job.node[n].links, &repeated, &dropped);
            out->repeated += repeated;
            out->dropped += dropped;
        }
        out->lost = job.network.lost;
        out->resets = job.network.resets;
        out->stalls = job.network.stalls;
    }
    destroy(&job);
    return status;
}
