/*
 * The server's state machine; see server.h.
 *
 * In lock-step training (bsp) step t is trained when every worker has pushed it and the coordinator has granted
 * it. Until then each worker's exchange waits with its payload, and is answered directly after. Exchanges
 * without a push request the current state, and are answered as soon as the steps up to it are granted.
 *
 * A checkpoint has the rows between two steps: right after a step that the plan saves, or one that the
 * coordinator names, the table is copied, and the copy is then fetched (common/store/checkpoint.md). A server
 * of a resumed run fetches its rows from the coordinator in the same form before it is ready.
 */
#include "server/shard/server.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/drive/member.h"
#include "server/shard/checkpoint_messages.h"
#include "server/shard/gradients.h"
#include "server/shard/snapshot.h"

struct pending {
    bool waits;
    struct cps_message exchange; /* owns a reference to the payload */
    struct cps_answered answered;
};

struct cps_server {
    uint32_t server, nodes;
    const struct cps_kernels *kernels;
    const struct cps_initial_rows *start;
    struct cps_team *team;
    struct cps_member member;
    bool planned, diverged;
    uint64_t passed; /* the last step of an epoch after which the coordinator has read the model */
    bool held;       /* does not train while a checkpoint is being arranged */
    struct cps_table table;
    struct cps_gradients gradients;
    uint64_t step;           /* steps trained */
    uint32_t pushed;         /* workers that pushed step number step + 1 */
    struct pending *pending; /* [nodes] */
    struct cps_snapshot_rows snapshot;
    uint64_t snapshot_step; /* requested by the coordinator, besides those of the plan; 0: none */
    uint64_t kept_step;     /* step of the last KEPT, plus 1 */
    uint32_t restored;      /* rows restored from a checkpoint */
};

enum cps_status cps_server_create(uint32_t server, uint32_t nodes, const struct cps_kernels *kernels,
                                  const struct cps_initial_rows *start, struct cps_team *team,
                                  struct cps_server **out)
{
    struct cps_server *self;
    CPS_TRY(cps_alloc("a server", 1, sizeof *self, &self));
    self->server = server;
    self->member = (struct cps_member){.title = "server", .number = server};
    self->nodes = nodes;
    self->kernels = kernels;
    self->start = start;
    self->team = team;
    enum cps_status status = cps_alloc("pending exchanges", nodes, sizeof *self->pending, &self->pending);
    if (status != CPS_OK) {
        free(self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_server_destroy(struct cps_server **out)
{
    struct cps_server *self = *out;
    if (!self)
        return;
    for (uint32_t node = 0; node < self->nodes; node++) {
        cps_message_release(&self->pending[node].exchange);
        cps_answered_release(&self->pending[node].answered);
    }
    free(self->pending);
    cps_snapshot_rows_release(&self->snapshot);
    cps_gradients_release(&self->gradients);
    cps_table_release(&self->table);
    free(self);
    *out = NULL;
}

/* ---- the start: at the first step, or with the rows of a later one ---- */

static enum cps_status on_state(struct cps_server *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_state *state = &message->state;
    struct cps_table *table = &self->table;
    CPS_TRY(cps_message_check(message, table->width));
    if (!self->planned || state->first_row != self->restored || state->rows == 0 ||
        state->rows > table->rows - self->restored || state->words != cps_plan_state_words(&table->plan))
        return cps_fail(CPS_ERR_PEER, "the coordinator sent server %u rows that it does not await",
                        self->server);
    const uint32_t *words = (const uint32_t *)(const void *)message->payload->data;
    for (uint32_t i = 0; i < state->rows; i++, words += state->words)
        if (!cps_table_unpack(table, self->restored++, table->plan.first_step, words))
            return cps_fail(CPS_ERR_DATA, "a row of the checkpoint of step %llu has seen a later step",
                            (unsigned long long)table->plan.first_step);
    return cps_send_restore(&table->plan, self->server, self->restored, outbox);
}

static enum cps_status on_plan(struct cps_server *self, const struct cps_plan *plan, struct cps_outbox *outbox)
{
    if (self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent a second plan");
    CPS_TRY(cps_plan_check(plan));
    if (1 + plan->servers + plan->workers != self->nodes || self->server >= plan->servers)
        return cps_fail(CPS_ERR_PEER,
                        "the coordinator's plan is for %u servers and %u workers, not for this job",
                        plan->servers, plan->workers);
    if (self->start)
        CPS_TRY(self->start->check(self->start->context, plan));
    CPS_TRY(cps_table_init(&self->table, plan, self->kernels, self->server, self->start,
                           cps_team_threads(self->team)));
    CPS_TRY(cps_gradients_init(&self->gradients, &self->table, self->team));
    self->planned = true;
    self->step = plan->first_step;
    return cps_send_restore(plan, self->server, self->restored, outbox);
}

static enum cps_status check_key(const struct cps_server *self, uint32_t key, uint32_t node)
{
    if (cps_table_owns(&self->table, key))
        return CPS_OK;
    return cps_fail(CPS_ERR_PEER, "node %u asked for key %u, which does not live on server %u", node, key,
                    self->server);
}

/* Requested rows, copied in pieces. */
struct asked {
    struct cps_server *server;
    const uint32_t *keys; /* [count] */
    uint32_t count, pieces;
    bool pull; /* brings the rows up to date; else leaves them as they are */
    float *out;
};

static void copy_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct asked *asked = context;
    struct cps_table *table = &asked->server->table;
    uint64_t step = asked->server->step;
    size_t first, end;
    cps_team_slice(asked->count, asked->pieces, piece, &first, &end);
    for (size_t i = first; i < end; i++) {
        if (i + CPS_PREFETCH_ROWS < end)
            cps_table_prefetch(table, cps_table_row_of(table, asked->keys[i + CPS_PREFETCH_ROWS]));
        uint32_t row = cps_table_row_of(table, asked->keys[i]);
        float *out = asked->out + i * table->width;
        if (asked->pull)
            cps_table_pull(table, thread, row, step, out);
        else
            cps_table_read(table, thread, row, step, out);
    }
}

/* Copies rows to out. A correct peer names each key once, so no two threads access the same row. */
static void copy_rows(struct cps_server *self, const uint32_t *keys, uint32_t count, bool pull, float *out)
{
    struct asked asked = {.server = self,
                          .keys = keys,
                          .count = count,
                          .pieces = cps_team_pieces(self->team, count),
                          .pull = pull,
                          .out = out};
    cps_team_run(self->team, asked.pieces, copy_piece, &asked);
}

static enum cps_status answer(struct cps_server *self, const struct cps_message *message,
                              struct cps_outbox *outbox)
{
    const struct cps_exchange *exchange = &message->exchange;
    uint32_t width = self->table.width, rows = exchange->pull_rows + exchange->read_rows;
    const uint32_t *keys = cps_exchange_parts(message, width).asked;
    struct cps_message *reply;
    for (uint32_t i = 0; i < rows; i++)
        CPS_TRY(check_key(self, keys[i], message->from));
    CPS_TRY(
        cps_outbox_add(outbox, CPS_MESSAGE_ROWS, message->from, (size_t)rows * width * sizeof(float), &reply));
    reply->rows = (struct cps_rows){.step = self->step, .ticket = exchange->ticket, .rows = rows};
    if (rows == 0)
        return CPS_OK;
    float *out = (float *)(void *)reply->payload->data;
    copy_rows(self, keys, exchange->pull_rows, true, out);
    copy_rows(self, keys + exchange->pull_rows, exchange->read_rows, false,
              out + (size_t)exchange->pull_rows * width);
    if (exchange->pull_rows)
        cps_answered_keep(&self->pending[message->from].answered, message, reply->payload, keys);
    return CPS_OK;
}

/* Reports the time of the epoch's steps to the coordinator. */
static enum cps_status report_time(struct cps_outbox *outbox)
{
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_REPORT, 0, 0, &message));
    cps_outbox_spent(outbox, message->report.spent_ns);
    return CPS_OK;
}

/* Handles an error in the current step: reports divergence to the coordinator, which ends the run once it has
 * the losses up to that step. */
static enum cps_status report_diverged(struct cps_server *self, enum cps_status status,
                                       struct cps_outbox *outbox)
{
    struct cps_message *message;
    if (status != CPS_ERR_DIVERGED)
        return status;
    cps_debug("%s", cps_error_text());
    self->diverged = true;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_REPORT, 0, 0, &message));
    message->report.diverged = CPS_DIVERGED_UPDATE;
    message->report.diverged_step = self->step;
    return CPS_OK;
}

/* Answers the exchanges that wait for the current state. */
static enum cps_status answer_pending(struct cps_server *self, struct cps_outbox *outbox)
{
    for (uint32_t node = 0; node < self->nodes; node++) {
        struct pending *pending = &self->pending[node];
        if (!pending->waits)
            continue;
        pending->waits = false;
        CPS_TRY(answer(self, &pending->exchange, outbox));
        cps_message_release(&pending->exchange);
    }
    return CPS_OK;
}

/* ---- checkpoints ---- */

/* Keeps a copy of the rows if a checkpoint needs them after the step just trained. */
static enum cps_status snapshot_if_due(struct cps_server *self, struct cps_outbox *outbox)
{
    if (self->kept_step == self->step + 1 ||
        (self->snapshot_step != self->step && !cps_plan_saves_after(&self->table.plan, self->step)))
        return CPS_OK;
    cps_outbox_enter(outbox, CPS_PHASE_SNAPSHOT);
    bool taken =
        !self->snapshot.held && cps_snapshot_rows_take(&self->snapshot, &self->table, self->step) == CPS_OK;
    self->kept_step = self->step + 1;
    cps_outbox_enter(outbox, CPS_PHASE_OPTIMIZER);
    return cps_send_kept(taken ? CPS_SNAPSHOT_TAKE : CPS_SNAPSHOT_REFUSED, self->step, outbox);
}

/* Whether the coordinator has yet to read the model as it is now. */
static bool is_being_read(const struct cps_server *self)
{
    const struct cps_plan *plan = &self->table.plan;
    return plan->reads_epochs && self->step % cps_plan_steps_per_epoch(plan) == 0 && self->passed < self->step;
}

/* Trains the current step if all workers have pushed and it is granted, and answers the exchanges that waited.
 */
static enum cps_status train_if_complete(struct cps_server *self, struct cps_outbox *outbox)
{
    if (!self->planned || self->held || self->diverged || is_being_read(self) ||
        self->pushed < self->table.plan.workers || cps_table_granted(&self->table) <= self->step)
        return CPS_OK;
    enum cps_status status = cps_gradients_apply(&self->gradients, &self->table, self->step + 1);
    if (status != CPS_OK)
        return report_diverged(self, status, outbox);
    self->step++;
    self->pushed = 0;
    CPS_TRY(snapshot_if_due(self, outbox));
    CPS_TRY(answer_pending(self, outbox));
    return self->step % cps_plan_steps_per_epoch(&self->table.plan) == 0 ? report_time(outbox) : CPS_OK;
}

static enum cps_status on_pass(struct cps_server *self, const struct cps_message *message,
                               struct cps_outbox *outbox)
{
    if (!self->planned || message->pass.step != self->step)
        return cps_fail(CPS_ERR_PEER, "the coordinator passed step %llu when server %u was at step %llu",
                        (unsigned long long)message->pass.step, self->server, (unsigned long long)self->step);
    self->passed = self->step;
    return train_if_complete(self, outbox);
}

static enum cps_status on_snapshot(struct cps_server *self, const struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    const struct cps_snapshot *wanted = &message->snapshot;
    if (message->from != 0 || !self->planned ||
        (wanted->action == CPS_SNAPSHOT_TAKE && wanted->step < self->step))
        return cps_fail(CPS_ERR_PEER, "the coordinator asked server %u to keep step %llu at step %llu",
                        self->server, (unsigned long long)wanted->step, (unsigned long long)self->step);
    self->held = wanted->action == CPS_SNAPSHOT_HOLD;
    if (self->held)
        return cps_send_kept(CPS_SNAPSHOT_HOLD, self->step, outbox);
    if (wanted->action == CPS_SNAPSHOT_TAKE) {
        self->snapshot_step = wanted->step;
        CPS_TRY(snapshot_if_due(self, outbox));
    }
    return train_if_complete(self, outbox);
}

static enum cps_status on_fetch(struct cps_server *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_state *asked = &message->state;
    const struct cps_table *table = &self->table;
    struct cps_message *state;
    bool kept = self->snapshot.held && asked->step == self->snapshot.step;
    if (asked->rows == 0) {
        self->snapshot.held &= !kept;
        return CPS_OK;
    }
    CPS_TRY(cps_send_state(&table->plan, self->server, asked, kept, outbox, &state));
    cps_snapshot_rows_pack(&self->snapshot, table, asked->first_row, asked->rows,
                           (uint32_t *)(void *)state->payload->data);
    return CPS_OK;
}

static enum cps_status out_of_step(const struct cps_server *self, const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u sent an exchange for step %llu when server %u was at step %llu",
                    message->from, (unsigned long long)message->exchange.step, self->server,
                    (unsigned long long)self->step);
}

static void keep_pending(struct pending *pending, const struct cps_message *message)
{
    pending->exchange = *message;
    if (message->payload)
        cps_buffer_retain(message->payload);
    pending->waits = true;
}

static enum cps_status on_exchange(struct cps_server *self, struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    if (!self->planned)
        return cps_fail(CPS_ERR_PEER, "node %u sent an exchange before the plan", message->from);
    CPS_TRY(cps_message_check(message, self->table.width));
    if (self->diverged)
        return CPS_OK;
    cps_outbox_enter(outbox, CPS_PHASE_OPTIMIZER);
    struct pending *pending = &self->pending[message->from];
    if (!message->exchange.has_push) {
        if (message->exchange.step != self->step || pending->waits)
            return out_of_step(self, message);
        if (cps_table_granted(&self->table) >= self->step)
            return answer(self, message, outbox);
        keep_pending(pending, message);
        return CPS_OK;
    }
    if (message->from <= self->table.plan.servers)
        return cps_fail(CPS_ERR_PEER, "node %u pushed, but is not a worker", message->from);
    if (message->exchange.step != self->step + 1 || pending->waits)
        return out_of_step(self, message);
    enum cps_status status = cps_gradients_add(&self->gradients, &self->table, message, &pending->answered);
    if (status != CPS_OK)
        return report_diverged(self, status, outbox);
    keep_pending(pending, message);
    self->pushed++;
    return train_if_complete(self, outbox);
}

/* The number of steps of the next grant: a whole block, since the tables of steps.h begin at block boundaries,
 * or what is left at the end of the run. */
static uint64_t next_grant(const struct cps_server *self)
{
    uint64_t left = cps_plan_steps(&self->table.plan) - cps_table_granted(&self->table);
    return left < CPS_BLOCK_STEPS ? left : CPS_BLOCK_STEPS;
}

static enum cps_status on_grant(struct cps_server *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_grant *grant = &message->grant;
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned || grant->steps == 0 || grant->steps != next_grant(self) ||
        grant->first_step != cps_table_granted(&self->table))
        return cps_fail(CPS_ERR_PEER, "the coordinator granted steps out of order");
    cps_outbox_enter(outbox, CPS_PHASE_OPTIMIZER);
    const double *lr = (const double *)(const void *)message->payload->data, *momentum = lr + grant->steps;
    struct cps_hyper hyper[CPS_BLOCK_STEPS];
    for (uint32_t i = 0; i < grant->steps; i++)
        hyper[i] = (struct cps_hyper){.lr = lr[i], .momentum = momentum[i]};
    uint64_t granted = cps_table_granted(&self->table);
    CPS_TRY(cps_table_grant(&self->table, hyper, grant->steps));
    if (granted < self->step && self->step <= granted + grant->steps)
        CPS_TRY(answer_pending(self, outbox));
    return train_if_complete(self, outbox);
}

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_server *self = context;
    switch (message->kind) {
    case CPS_MESSAGE_PLAN:
        return on_plan(self, &message->plan, outbox);
    case CPS_MESSAGE_GRANT:
        return on_grant(self, message, outbox);
    case CPS_MESSAGE_EXCHANGE:
        return on_exchange(self, message, outbox);
    case CPS_MESSAGE_PASS:
        return on_pass(self, message, outbox);
    case CPS_MESSAGE_SNAPSHOT:
        return on_snapshot(self, message, outbox);
    case CPS_MESSAGE_FETCH:
        return on_fetch(self, message, outbox);
    case CPS_MESSAGE_STATE:
        return on_state(self, message, outbox);
    default:
        return cps_member_on_message(&self->member, message);
    }
}

static enum cps_status on_tick(void *context, uint64_t now_ns, struct cps_outbox *outbox)
{
    (void)now_ns;
    struct cps_server *self = context;
    return self->member.greeted ? CPS_OK : cps_member_greet(&self->member, NULL, outbox);
}

static bool done(const void *context)
{
    const struct cps_server *self = context;
    return self->member.stopped;
}

/* Before the first step the server waits for all other nodes, which the coordinator watches. */
static bool awaits(const void *context, struct cps_awaited *out)
{
    const struct cps_server *self = context;
    *out = (struct cps_awaited){.patience = CPS_PATIENCE_FOR_COORDINATOR, .what = "the plan"};
    if (!self->planned)
        return self->member.greeted && !self->member.stopped;
    out->numbered = true;
    out->number = self->step;
    if (self->member.stopped || self->pushed == 0)
        return false;
    if (self->pushed == self->table.plan.workers) {
        out->what = self->held ? "the word on the checkpoint at step" : "the leave to train step";
        return true;
    }
    uint32_t node = 1 + self->table.plan.servers;
    while (self->pending[node].waits)
        node++;
    out->node = node;
    out->what = "the gradients of step";
    out->patience = CPS_PATIENCE_SERVER;
    return true;
}

struct cps_role cps_server_role(struct cps_server *self)
{
    static const struct cps_role_ops ops = {
        .on_message = on_message, .on_tick = on_tick, .done = done, .awaits = awaits};
    return (struct cps_role){.ops = &ops, .self = self, .node = 1 + self->server};
}
