/*
 * The simulator; see simulator.h.
 *
 *   roles -> outboxes -> pool of messages under way -> (seeded choice) -> inboxes -> roles
 *
 * Delay and reordering come from the choice: any message under way may be next, however
 * long others have waited.
 */
#include "tests/simulation/simulator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "common/drive/inbox.h"
#include "server/shard/server.h"
#include "worker/worker.h"

struct node {
    struct cps_role role;
    struct cps_outbox outbox;
    struct cps_inbox inbox;
};

struct job {
    const struct cps_simulation *simulation;
    uint32_t nodes;
    struct node *node;
    struct cps_coordinator *coordinator;
    struct cps_server **servers;
    struct cps_worker **workers;
    struct cps_buffer_pool *pool;
    struct cps_message *flight; /* under way */
    size_t flight_count, flight_capacity;
    uint64_t draws, deliveries, now_ns;
    struct cps_sha256 *model, *losses;
};

static const uint64_t RUN_ID = 0x53494d;

static uint64_t draw(struct job *self)
{
    return cps_random_u64(self->simulation->schedule, CPS_RANDOM_TEST + 1, self->draws++);
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
    cps_sha256_add(self->losses, &step->loss, sizeof step->loss);
    return CPS_OK;
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    struct job *self = context;
    cps_sha256_add(self->losses, &epoch->train_loss, sizeof epoch->train_loss);
    cps_sha256_add(self->losses, &epoch->valid_loss, sizeof epoch->valid_loss);
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

static enum cps_status create_roles(struct job *self)
{
    const struct cps_simulation *simulation = self->simulation;
    const struct cps_plan *plan = &simulation->plan;
    const struct cps_observer observer = {.context = self,
                                          .on_start = on_start,
                                          .on_step = on_step,
                                          .on_epoch = on_epoch,
                                          .on_rows = on_rows,
                                          .on_complete = on_complete};
    CPS_TRY(cps_alloc("servers", plan->servers, sizeof *self->servers, &self->servers));
    CPS_TRY(cps_alloc("workers", plan->workers, sizeof *self->workers, &self->workers));
    CPS_TRY(cps_coordinator_create(plan, simulation->shards[0].fingerprint, &observer, 0, &self->coordinator));
    self->node[0].role = cps_coordinator_role(self->coordinator);
    for (uint32_t s = 0; s < plan->servers; s++) {
        CPS_TRY(cps_server_create(s, self->nodes, simulation->kernels, NULL, &self->servers[s]));
        self->node[1 + s].role = cps_server_role(self->servers[s]);
    }
    for (uint32_t w = 0; w < plan->workers; w++) {
        uint32_t node = 1 + plan->servers + w;
        CPS_TRY(cps_worker_create(node, &simulation->shards[w], simulation->kernels, NULL, &self->workers[w]));
        self->node[node].role = cps_worker_role(self->workers[w]);
    }
    return CPS_OK;
}

static enum cps_status create(struct job *self)
{
    CPS_TRY(cps_sha256_create(&self->model));
    CPS_TRY(cps_sha256_create(&self->losses));
    CPS_TRY(cps_buffer_pool_create(&self->pool));
    CPS_TRY(cps_alloc("nodes", self->nodes, sizeof *self->node, &self->node));
    for (uint32_t n = 0; n < self->nodes; n++) {
        CPS_TRY(cps_outbox_init(&self->node[n].outbox, self->pool, n, self->nodes, RUN_ID));
        CPS_TRY(cps_inbox_init(&self->node[n].inbox, self->nodes, RUN_ID));
    }
    return create_roles(self);
}

static void destroy(struct job *self)
{
    for (size_t i = 0; i < self->flight_count; i++)
        cps_message_release(&self->flight[i]);
    free(self->flight);
    for (uint32_t w = 0; self->workers && w < self->simulation->plan.workers; w++)
        cps_worker_destroy(&self->workers[w]);
    for (uint32_t s = 0; self->servers && s < self->simulation->plan.servers; s++)
        cps_server_destroy(&self->servers[s]);
    cps_coordinator_destroy(&self->coordinator);
    for (uint32_t n = 0; self->node && n < self->nodes; n++) {
        cps_outbox_release(&self->node[n].outbox);
        cps_inbox_release(&self->node[n].inbox);
    }
    free(self->servers);
    free(self->workers);
    free(self->node);
    if (self->pool)
        cps_buffer_pool_destroy(&self->pool);
    cps_sha256_destroy(&self->model);
    cps_sha256_destroy(&self->losses);
}

/* Moves what a role said among the messages under way. */
static enum cps_status collect(struct job *self, struct node *node)
{
    struct cps_outbox *outbox = &node->outbox;
    if (outbox->count == 0)
        return CPS_OK;
    CPS_TRY(cps_grow("messages", &self->flight, &self->flight_capacity, self->flight_count + outbox->count,
                     sizeof *self->flight));
    memcpy(self->flight + self->flight_count, outbox->messages, outbox->count * sizeof *self->flight);
    self->flight_count += outbox->count;
    outbox->count = 0;
    return CPS_OK;
}

static enum cps_status handle(struct job *self, struct node *node, struct cps_message *message)
{
    enum cps_status status = node->role.ops->on_message(node->role.self, message, &node->outbox);
    cps_message_release(message);
    return status == CPS_OK ? collect(self, node) : status;
}

static enum cps_status receive(struct job *self, struct cps_message *message)
{
    struct node *node = &self->node[message->to];
    bool ready;
    CPS_TRY(cps_inbox_put(&node->inbox, message, &ready));
    if (!ready)
        return CPS_OK;
    CPS_TRY(handle(self, node, message));
    while (cps_inbox_next(&node->inbox, message))
        CPS_TRY(handle(self, node, message));
    return CPS_OK;
}

/* Takes the next message under way, in order of sending or as the schedule has it. */
static struct cps_message take(struct job *self)
{
    bool seeded = self->simulation->schedule != 0;
    size_t place = seeded ? (size_t)(draw(self) % self->flight_count) : 0;
    struct cps_message message = self->flight[place];
    bool again = seeded && (double)(draw(self) >> 11) * 0x1p-53 < self->simulation->duplicates;
    if (again) {
        if (message.payload)
            cps_buffer_retain(message.payload);
        return message;
    }
    self->flight_count--;
    if (seeded)
        self->flight[place] = self->flight[self->flight_count];
    else
        memmove(self->flight, self->flight + 1, self->flight_count * sizeof *self->flight);
    return message;
}

static enum cps_status tick(struct job *self, struct node *node)
{
    CPS_TRY(node->role.ops->on_tick(node->role.self, self->now_ns, &node->outbox));
    return collect(self, node);
}

static enum cps_status run(struct job *self)
{
    for (uint32_t n = 0; n < self->nodes; n++)
        CPS_TRY(tick(self, &self->node[n]));
    while (self->flight_count > 0) {
        if (++self->deliveries > self->simulation->max_deliveries)
            return cps_fail(CPS_ERR_PEER, "the simulated job did not end");
        struct cps_message message = take(self);
        CPS_TRY(receive(self, &message));
        self->now_ns += 1000000;
        if (self->simulation->schedule && draw(self) % 8 == 0)
            CPS_TRY(tick(self, &self->node[draw(self) % self->nodes]));
    }
    for (uint32_t n = 0; n < self->nodes; n++)
        if (!self->node[n].role.ops->done(self->node[n].role.self))
            return cps_fail(CPS_ERR_PEER, "node %u waits for a message that nobody sends", n);
    return CPS_OK;
}

enum cps_status cps_simulate(const struct cps_simulation *simulation, struct cps_simulation_result *out)
{
    struct job job = {.simulation = simulation,
                      .nodes = 1 + simulation->plan.servers + simulation->plan.workers};
    enum cps_status status = create(&job);
    if (status == CPS_OK)
        status = run(&job);
    if (status == CPS_OK) {
        *out = (struct cps_simulation_result){.deliveries = job.deliveries};
        cps_sha256_finish(job.model, out->model);
        cps_sha256_finish(job.losses, out->losses);
        for (uint32_t n = 0; n < job.nodes; n++)
            out->dropped += job.node[n].inbox.dropped;
    }
    destroy(&job);
    return status;
}
