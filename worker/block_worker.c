/* The block worker's state machine; see block_worker.h. */
#include "worker/block_worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/drive/member.h"
#include "worker/crew.h"
#include "worker/greeting.h"
#include "worker/order.h"
#include "worker/tenant.h"

enum { REPORT_STEPS = 1024 }; /* most sub-epochs in a report */
static const uint64_t REPORT_EVERY_NS = 100000000;

struct cps_block_worker {
    uint32_t node, threads;
    uint64_t memory_bytes;
    const struct cps_dataset *dataset;
    const struct cps_kernels *kernels;
    struct cps_member member;
    bool planned, begun, diverged;
    struct cps_plan plan;
    struct cps_order order;
    struct cps_tenant tenant;
    struct cps_crew *crew;
    struct cps_loss_sum sums[REPORT_STEPS]; /* of the sub-epochs not yet reported */
    uint64_t ratings[REPORT_STEPS];
    uint64_t reported; /* sub-epochs reported */
    uint32_t waiting;  /* sub-epochs to be reported */
    uint64_t reported_ns;
    bool asked;                 /* the coordinator waits for rows of users */
    struct cps_message pending; /* its exchange; owns a reference to the payload */
};

enum cps_status cps_block_worker_create(uint32_t node, const struct cps_dataset *dataset,
                                        const struct cps_kernels *kernels, uint32_t threads,
                                        uint64_t memory_bytes, struct cps_block_worker **out)
{
    struct cps_block_worker *self;
    CPS_TRY(cps_alloc("a worker", 1, sizeof *self, &self));
    self->node = node;
    self->member = (struct cps_member){.title = "worker node", .number = node};
    self->threads = threads;
    self->memory_bytes = memory_bytes;
    self->dataset = dataset;
    self->kernels = kernels;
    *out = self;
    return CPS_OK;
}

void cps_block_worker_destroy(struct cps_block_worker **out)
{
    struct cps_block_worker *self = *out;
    if (!self)
        return;
    cps_crew_destroy(&self->crew);
    cps_message_release(&self->pending);
    cps_tenant_release(&self->tenant);
    cps_order_release(&self->order);
    free(self);
    *out = NULL;
}

/* The number of threads; one for few samples, for which more would not pay. */
static uint32_t order_threads(const struct cps_block_worker *self)
{
    static const uint64_t few = 100000;
    return self->dataset->train.count < few ? 1 : self->threads;
}

static enum cps_status on_plan(struct cps_block_worker *self, const struct cps_plan *plan,
                               struct cps_outbox *outbox)
{
    struct cps_message *ready;
    if (self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent a second plan");
    CPS_TRY(cps_plan_check(plan));
    if (plan->solver != CPS_SOLVER_BLOCK || self->node <= plan->servers ||
        self->node > plan->servers + plan->workers)
        return cps_fail(CPS_ERR_PEER, "the coordinator's plan is not for this job");
    self->plan = *plan;
    CPS_TRY(cps_order_init(&self->order, plan, self->node - 1 - plan->servers, self->dataset,
                           order_threads(self), self->memory_bytes));
    CPS_TRY(cps_tenant_init(&self->tenant, plan));
    CPS_TRY(cps_crew_create(plan, &self->order, self->kernels, self->threads, &self->crew));
    self->reported = plan->first_step;
    self->planned = true;
    return cps_outbox_add(outbox, CPS_MESSAGE_READY, 0, 0, &ready);
}

static enum cps_status on_grant(struct cps_block_worker *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator granted steps before the plan");
    if (!self->begun) {
        uint64_t before[CPS_PHASES];
        cps_outbox_spent(outbox, before); /* time before the first epoch is not counted */
        self->begun = true;
    }
    return cps_crew_grant(self->crew, (const double *)(const void *)message->payload->data,
                          message->grant.steps);
}

static bool is_own(const struct cps_block_worker *self, uint32_t user_block)
{
    return user_block - self->order.first_block < self->order.block_count;
}

static enum cps_status on_lend(struct cps_block_worker *self, const struct cps_message *message,
                               struct cps_outbox *outbox)
{
    const struct cps_lease *lease = &message->lease;
    float *rows;
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned || (!lease->movies && (lease->shared || !is_own(self, lease->block))))
        return cps_fail(CPS_ERR_PEER, "node %u lent worker node %u a block that is not for it", message->from,
                        self->node);
    CPS_TRY(cps_tenant_take(&self->tenant, message, outbox, &rows));
    if (!rows)
        return CPS_OK;
    if (lease->movies)
        cps_crew_movie_here(self->crew, lease->block, lease->step, lease->shared, rows);
    else
        cps_crew_user_here(self->crew, lease->block, lease->step, rows);
    return CPS_OK;
}

/* Takes the step after which a checkpoint saves the rows. Both the servers, before they lend a block that could
 * pass that step, and the coordinator send it; either message may arrive first. Rows that a server lent in
 * place at exactly that step exist nowhere else: the message of that server, which comes after the lease,
 * requests their return. */
static enum cps_status on_snapshot(struct cps_block_worker *self, const struct cps_message *message,
                                   const struct cps_outbox *outbox)
{
    bool in_place = message->from > 0 && self->plan.servers == 1 && cps_outbox_is_near(outbox, message->from);
    if (self->planned && message->snapshot.action == CPS_SNAPSHOT_TAKE)
        cps_crew_save_at(self->crew, message->snapshot.step, in_place);
    return CPS_OK;
}

/* ---- the coordinator reads the rows of users, whose latest values are here ---- */

static enum cps_status on_exchange(struct cps_block_worker *self, const struct cps_message *message)
{
    const struct cps_exchange *exchange = &message->exchange;
    if (!self->planned || self->asked || message->from != 0)
        return cps_fail(CPS_ERR_PEER, "node %u sent worker node %u an exchange out of turn", message->from,
                        self->node);
    CPS_TRY(cps_message_check(message, cps_plan_row_width(&self->plan)));
    if (exchange->has_push || exchange->pull_rows)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent worker node %u gradients", self->node);
    self->pending = *message;
    if (message->payload)
        cps_buffer_retain(message->payload);
    self->asked = true;
    return CPS_OK;
}

/* Copies the rows of users to out[rows * cps_plan_row_width()]. Their places are random, so a few are fetched
 * at a time. */
static void copy_rows(const struct cps_block_worker *self, const uint32_t *keys, uint32_t rows, float *out)
{
    enum { FETCHED = 16, LINE_FLOATS = 16 };
    uint32_t width = cps_plan_row_width(&self->plan);
    const float *row[FETCHED];
    for (uint32_t first = 0; first < rows; first += FETCHED) {
        uint32_t count = rows - first < FETCHED ? rows - first : FETCHED;
        for (uint32_t i = 0; i < count; i++) {
            row[i] = cps_crew_user_row(self->crew, keys[first + i]);
            for (uint32_t j = 0; j < width; j += LINE_FLOATS)
                __builtin_prefetch(row[i] + j);
        }
        for (uint32_t i = 0; i < count; i++)
            cps_block_row_get(&self->tenant.rule, self->plan.model == CPS_MODEL_BIAS, false, row[i],
                              out + (size_t)(first + i) * width);
    }
}

static enum cps_status answer(struct cps_block_worker *self, struct cps_outbox *outbox)
{
    const struct cps_exchange *exchange = &self->pending.exchange;
    uint32_t width = cps_plan_row_width(&self->plan), rows = exchange->read_rows;
    uint32_t worker = self->node - 1 - self->plan.servers;
    const uint32_t *keys = rows ? (const uint32_t *)(const void *)self->pending.payload->data : NULL;
    struct cps_message *reply;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_ROWS, 0, (size_t)rows * width * sizeof(float), &reply));
    reply->rows = (struct cps_rows){.step = exchange->step, .ticket = exchange->ticket, .rows = rows};
    for (uint32_t i = 0; i < rows; i++)
        if (keys[i] >= self->plan.user_rows || cps_blocks_worker_of(&self->order.blocks, keys[i]) != worker)
            return cps_fail(CPS_ERR_PEER, "the coordinator asked worker node %u for key %u, which is not here",
                            self->node, keys[i]);
    copy_rows(self, keys, rows, (float *)(void *)reply->payload->data);
    return CPS_OK;
}

static enum cps_status answer_if_trained(struct cps_block_worker *self, struct cps_outbox *outbox)
{
    if (!self->asked || !cps_crew_users_are_at(self->crew, self->pending.exchange.step))
        return CPS_OK;
    CPS_TRY(answer(self, outbox));
    cps_message_release(&self->pending);
    self->asked = false;
    return CPS_OK;
}

/* ---- results of the crew ---- */

static enum cps_status return_blocks(struct cps_block_worker *self, struct cps_outbox *outbox)
{
    uint32_t block;
    uint64_t step;
    bool shared;
    while (cps_crew_take_movie(self->crew, &block, &step, &shared))
        CPS_TRY(cps_tenant_return(&self->tenant, CPS_TABLE_MOVIES, block, step, outbox));
    while (cps_crew_take_user(self->crew, &block, &step))
        CPS_TRY(cps_tenant_return(&self->tenant, CPS_TABLE_USERS, block, step, outbox));
    return CPS_OK;
}

/* Reports the sub-epochs not reported yet; *out is the report, which the caller may extend. */
static enum cps_status report(struct cps_block_worker *self, struct cps_outbox *outbox, struct cps_report **out)
{
    uint32_t steps = self->waiting;
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_REPORT, 0, steps * (sizeof self->sums[0] + sizeof(uint64_t)),
                           &message));
    message->report = (struct cps_report){.first_step = self->reported, .steps = steps, .counted = true};
    if (steps) {
        memcpy(message->payload->data, self->sums, steps * sizeof self->sums[0]);
        memcpy(message->payload->data + steps * sizeof self->sums[0], self->ratings, steps * sizeof(uint64_t));
    }
    self->reported += steps;
    self->waiting = 0;
    *out = &message->report;
    return CPS_OK;
}

/* Reports the sub-epochs so far, and that the next sub-epoch, or the validation after the last one, diverged.
 * The worker then continues to train until it is stopped, because other workers wait for its blocks. */
static enum cps_status diverge(struct cps_block_worker *self, enum cps_diverged what, struct cps_outbox *outbox)
{
    struct cps_report *told;
    CPS_TRY(report(self, outbox, &told));
    told->diverged = what;
    told->diverged_step = self->reported;
    self->diverged = true;
    return CPS_OK;
}

static enum cps_status report_steps(struct cps_block_worker *self, struct cps_outbox *outbox)
{
    struct cps_report *told;
    struct cps_crew_step done;
    uint64_t step;
    while (cps_crew_take_step(self->crew, &step, &done)) {
        if (self->diverged)
            continue;
        if (done.wild) {
            CPS_TRY(diverge(self, CPS_DIVERGED_ERROR, outbox));
            continue;
        }
        self->sums[self->waiting] = cps_loss_sum_of(done.squared);
        self->ratings[self->waiting] = done.ratings;
        if (++self->waiting == REPORT_STEPS || (step + 1) % self->plan.blocks == 0 ||
            cps_plan_saves_after(&self->plan, step + 1))
            CPS_TRY(report(self, outbox, &told));
    }
    return CPS_OK;
}

static enum cps_status report_epochs(struct cps_block_worker *self, struct cps_outbox *outbox)
{
    struct cps_report *told;
    struct cps_error_sums valid;
    uint32_t epoch;
    bool wild;
    while (cps_crew_take_valid(self->crew, &epoch, &valid, &wild)) {
        if (self->diverged)
            continue;
        if (wild) {
            CPS_TRY(diverge(self, CPS_DIVERGED_VALIDATION, outbox));
            continue;
        }
        CPS_TRY(report(self, outbox, &told));
        told->has_valid = true;
        told->epoch = epoch;
        told->valid_sum = cps_loss_sum_of(valid.squared);
        told->valid_absolute = cps_loss_sum_of(valid.absolute);
        told->valid_count = self->dataset->valid.count;
        cps_outbox_spent(outbox, told->spent_ns);
    }
    return CPS_OK;
}

/* ---- the role ---- */

static enum cps_status work(void *context, struct cps_outbox *outbox, bool *worked)
{
    struct cps_block_worker *self = context;
    if (!self->begun || self->member.stopped)
        return CPS_OK;
    bool validating = cps_crew_is_validating(self->crew);
    cps_outbox_enter(outbox, validating ? CPS_PHASE_VALIDATION : CPS_PHASE_COMPUTE);
    *worked = cps_crew_work(self->crew);
    CPS_TRY(cps_crew_status(self->crew));
    CPS_TRY(return_blocks(self, outbox));
    CPS_TRY(report_steps(self, outbox));
    CPS_TRY(report_epochs(self, outbox));
    CPS_TRY(answer_if_trained(self, outbox));
    *worked |= outbox->count > 0;
    return CPS_OK;
}

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_block_worker *self = context;
    switch (message->kind) {
    case CPS_MESSAGE_PLAN:
        return on_plan(self, &message->plan, outbox);
    case CPS_MESSAGE_GRANT:
        return on_grant(self, message, outbox);
    case CPS_MESSAGE_LEND:
        return on_lend(self, message, outbox);
    case CPS_MESSAGE_EXCHANGE:
        return on_exchange(self, message);
    case CPS_MESSAGE_SNAPSHOT:
        return on_snapshot(self, message, outbox);
    default:
        return cps_member_on_message(&self->member, message);
    }
}

static enum cps_status on_tick(void *context, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct cps_block_worker *self = context;
    struct cps_report *told;
    if (!self->member.greeted)
        return cps_greet_with_data(&self->member, self->dataset, outbox);
    if (self->waiting == 0 || now_ns - self->reported_ns < REPORT_EVERY_NS)
        return CPS_OK;
    self->reported_ns = now_ns;
    return report(self, outbox, &told);
}

static bool done(const void *context)
{
    const struct cps_block_worker *self = context;
    return self->member.stopped;
}

/* Sorting a large set takes long, and the coordinator waits for its first losses. */
static bool busy(const void *context)
{
    const struct cps_block_worker *self = context;
    return self->crew && cps_crew_has_sorted(self->crew);
}

struct cps_role cps_block_worker_role(struct cps_block_worker *self)
{
    static const struct cps_role_ops ops = {
        .on_message = on_message, .on_tick = on_tick, .work = work, .done = done, .busy = busy};
    return (struct cps_role){.ops = &ops, .self = self, .node = self->node};
}
