/*
 * The lender's state machine; see lender.h. The rows it lends are in block_parts.c.
 *
 *     home --lend--> lent --RETURN, mostly of a later step--> home
 *     home --lend to all--> shared --RETURN of each--> home, read
 *
 * A lease ends at a sub-epoch that is saved, whether the plan or the coordinator asks for it, and the returned
 * block is copied into the snapshot before it is lent again. When the coordinator asks (HOLD, TAKE), the
 * servers briefly lend nothing: the plan determines how far the blocks on lease can get, and all blocks will
 * get there.
 */
#include "server/shard/lender.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/drive/member.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"
#include "server/shard/block_parts.h"
#include "server/shard/block_snapshot.h"
#include "server/shard/checkpoint_messages.h"

struct cps_lender {
    uint32_t server, nodes;
    const struct cps_initial_rows *start;
    struct cps_member member;
    bool planned;
    struct cps_plan plan;
    struct cps_block_parts parts;
    uint64_t granted;
    uint64_t passed;            /* the last step of an epoch after which the coordinator has read the model */
    bool asked;                 /* the coordinator waits for rows that are lent */
    struct cps_message pending; /* its exchange; owns a reference to the payload */
    struct cps_block_snapshot snapshot;
    uint64_t save_step; /* requested by the coordinator, besides those of the plan; 0: none */
    bool held;          /* lends nothing while a checkpoint is being arranged */
    uint32_t restored;  /* rows restored from a checkpoint */
};

enum cps_status cps_lender_create(uint32_t server, uint32_t nodes, const struct cps_initial_rows *start,
                                  struct cps_lender **out)
{
    struct cps_lender *self;
    CPS_TRY(cps_alloc("a server", 1, sizeof *self, &self));
    self->server = server;
    self->member = (struct cps_member){.title = "server", .number = server};
    self->nodes = nodes;
    self->start = start;
    *out = self;
    return CPS_OK;
}

void cps_lender_destroy(struct cps_lender **out)
{
    struct cps_lender *self = *out;
    if (!self)
        return;
    cps_block_parts_release(&self->parts);
    cps_message_release(&self->pending);
    cps_block_snapshot_release(&self->snapshot);
    free(self);
    *out = NULL;
}

/* ---- the start ---- */

static enum cps_status on_state(struct cps_lender *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_state *state = &message->state;
    uint32_t rows = self->planned ? cps_plan_server_rows(&self->plan, self->server) : 0;
    CPS_TRY(cps_message_check(message, 0));
    if (state->first_row != self->restored || state->rows == 0 || state->rows > rows - self->restored ||
        state->step != self->plan.first_step || state->words != cps_plan_state_words(&self->plan))
        return cps_fail(CPS_ERR_PEER, "the coordinator sent server %u rows that it does not await",
                        self->server);
    const uint32_t *words = (const uint32_t *)(const void *)message->payload->data;
    for (uint32_t i = 0; i < state->rows; i++, words += state->words) {
        enum cps_table_kind table;
        uint32_t row = self->restored++;
        float *out = cps_block_parts_row(&self->parts, self->server + row * self->plan.servers, &table);
        if (!cps_block_state_unpack(&self->parts.rule, &self->plan, table == CPS_TABLE_MOVIES, words,
                                    state->step, out))
            return cps_fail(CPS_ERR_DATA, "a row of the checkpoint of step %llu is of another step",
                            (unsigned long long)state->step);
    }
    return cps_send_restore(&self->plan, self->server, self->restored, outbox);
}

static enum cps_status on_plan(struct cps_lender *self, const struct cps_plan *plan, struct cps_outbox *outbox)
{
    if (self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent a second plan");
    CPS_TRY(cps_plan_check(plan));
    if (1 + plan->servers + plan->workers != self->nodes || self->server >= plan->servers ||
        plan->solver != CPS_SOLVER_BLOCK)
        return cps_fail(CPS_ERR_PEER, "the coordinator's plan is not for this job");
    if (self->start)
        CPS_TRY(self->start->check(self->start->context, plan));
    self->plan = *plan;
    CPS_TRY(cps_block_parts_init(&self->parts, self->server, &self->plan, self->start, outbox->pool));
    self->passed = plan->first_step ? (plan->first_step - 1) / plan->blocks * plan->blocks : 0;
    self->planned = true;
    return cps_send_restore(&self->plan, self->server, self->restored, outbox);
}

/* ---- leases ---- */

/* Whether node trains the rows where they are: it is in this process, and has them from no other server. */
static bool lends_in_place(const struct cps_lender *self, uint32_t node, const struct cps_outbox *outbox)
{
    return self->plan.servers == 1 && cps_outbox_is_near(outbox, node);
}

/* Packs the rows into *packed for the first worker that needs a copy; others get the same bytes. */
static enum cps_status add_copy(struct cps_lender *self, enum cps_table_kind table, uint32_t block,
                                struct cps_outbox *outbox, struct cps_message *message,
                                struct cps_buffer **packed)
{
    message->lease.rows = self->parts.of[table][block].rows;
    if (!*packed)
        CPS_TRY(cps_block_parts_pack(&self->parts, table, block, outbox->pool, packed));
    message->payload = *packed ? cps_buffer_retain(*packed) : NULL;
    return CPS_OK;
}

static enum cps_status send_lease(struct cps_lender *self, enum cps_table_kind table, uint32_t block,
                                  uint32_t node, bool shared, struct cps_outbox *outbox,
                                  struct cps_buffer **packed)
{
    struct cps_block_part *part = &self->parts.of[table][block];
    bool in_place = lends_in_place(self, node, outbox);
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_LEND, node, 0, &message));
    message->lease = (struct cps_lease){.movies = table == CPS_TABLE_MOVIES,
                                        .block = block,
                                        .step = part->step,
                                        .row_floats = in_place ? self->parts.rule.row_floats
                                                               : cps_block_packed_floats(&self->plan),
                                        .shared = shared,
                                        .kept = !in_place && (part->known || part->node == node)};
    if (in_place) {
        message->lease.rows = part->rows;
        message->payload = shared ? cps_buffer_retain(part->buffer) : part->buffer;
        part->buffer = shared ? part->buffer : NULL;
    } else if (!message->lease.kept) {
        CPS_TRY(add_copy(self, table, block, outbox, message, packed));
    }
    if (shared)
        return CPS_OK;
    part->lent = true;
    part->known = false;
    part->node = node;
    return CPS_OK;
}

/* Movie blocks are read by all workers after every epoch, if there is anything to validate. */
static bool is_to_be_read(const struct cps_lender *self, enum cps_table_kind table,
                          const struct cps_block_part *part)
{
    return table == CPS_TABLE_MOVIES && self->plan.valid_count > 0 && part->step > 0 &&
           part->step % self->parts.blocks.count == 0 && !part->read;
}

/* Whether a movie block can be trained now: its sub-epoch is granted, and the model after the epoch before has
 * been read. */
static bool is_to_be_trained(const struct cps_lender *self, const struct cps_block_part *part)
{
    bool held = self->plan.reads_epochs && part->step >= self->passed + self->parts.blocks.count;
    return part->step < self->granted && !held;
}

/* The node of the worker that has or trains a user block. */
static uint32_t node_of(const struct cps_lender *self, uint32_t user_block)
{
    return 1 + self->plan.servers + cps_blocks_worker(&self->parts.blocks, user_block);
}

static enum cps_status share(struct cps_lender *self, uint32_t block, struct cps_outbox *outbox)
{
    struct cps_buffer *packed = NULL;
    enum cps_status status = CPS_OK;
    self->parts.of[CPS_TABLE_MOVIES][block].readers = self->plan.workers;
    for (uint32_t worker = 0; worker < self->plan.workers && status == CPS_OK; worker++)
        status =
            send_lease(self, CPS_TABLE_MOVIES, block, 1 + self->plan.servers + worker, true, outbox, &packed);
    cps_buffer_release(packed);
    return status;
}

/* Lends a block that is home to the worker that needs it next, if there is one. User blocks are always at their
 * worker: how far it may train them follows from the movie blocks. */
static enum cps_status lend(struct cps_lender *self, enum cps_table_kind table, uint32_t block,
                            struct cps_outbox *outbox)
{
    struct cps_block_part *part = &self->parts.of[table][block];
    struct cps_buffer *packed = NULL;
    uint32_t user_block = block;
    if (part->lent || part->readers || self->held)
        return CPS_OK;
    if (is_to_be_read(self, table, part))
        return share(self, block, outbox);
    if (table == CPS_TABLE_MOVIES) {
        if (!is_to_be_trained(self, part))
            return CPS_OK;
        user_block = cps_blocks_user(&self->parts.blocks, block, part->step);
    }
    enum cps_status status = send_lease(self, table, block, node_of(self, user_block), false, outbox, &packed);
    cps_buffer_release(packed);
    return status;
}

static enum cps_status lend_all(struct cps_lender *self, struct cps_outbox *outbox)
{
    for (int table = 0; table < CPS_TABLES; table++)
        for (uint32_t block = 0; block < self->parts.blocks.count; block++)
            CPS_TRY(lend(self, (enum cps_table_kind)table, block, outbox));
    return CPS_OK;
}

static enum cps_status on_grant(struct cps_lender *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_grant *grant = &message->grant;
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned || grant->first_step != self->granted)
        return cps_fail(CPS_ERR_PEER, "the coordinator granted steps out of order");
    self->granted += grant->steps;
    return lend_all(self, outbox);
}

/* The coordinator has read the rows after an epoch. */
static enum cps_status on_pass(struct cps_lender *self, const struct cps_message *message,
                               struct cps_outbox *outbox)
{
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned || message->pass.step != self->passed + self->parts.blocks.count)
        return cps_fail(CPS_ERR_PEER, "the coordinator passed step %llu out of order",
                        (unsigned long long)message->pass.step);
    self->passed = message->pass.step;
    return lend_all(self, outbox);
}

/* ---- checkpoints ---- */

static bool saves_after(const struct cps_lender *self, uint64_t step)
{
    return step == self->save_step || cps_plan_saves_after(&self->plan, step);
}

/* Whether a saved step lies between two steps; no lease may extend over one. */
static bool runs_over_save(const struct cps_lender *self, uint64_t from, uint64_t to)
{
    uint64_t every = self->plan.save_every;
    return (self->save_step > from && self->save_step < to) || (every && (from / every + 1) * every < to);
}

/* A block is home. Keeps a copy of it, if its step is saved. All blocks meet such steps in order, so that the
 * first to meet one decides whether there is room for it. */
static enum cps_status keep_if_due(struct cps_lender *self, enum cps_table_kind table, uint32_t block,
                                   struct cps_outbox *outbox)
{
    struct cps_block_snapshot *snapshot = &self->snapshot;
    struct cps_block_part *part = &self->parts.of[table][block];
    uint64_t step = part->step;
    if (!saves_after(self, step) || part->kept == step + 1)
        return CPS_OK;
    cps_outbox_enter(outbox, CPS_PHASE_SNAPSHOT);
    if (step > snapshot->decided &&
        !cps_block_snapshot_begin(snapshot, step, cps_plan_server_rows(&self->plan, self->server),
                                  cps_plan_state_words(&self->plan), CPS_TABLES * self->parts.blocks.count))
        return cps_send_kept(CPS_SNAPSHOT_REFUSED, step, outbox);
    if (!snapshot->held || snapshot->step != step)
        return CPS_OK;
    cps_block_parts_save(&self->parts, table, block, snapshot->words);
    part->kept = step + 1;
    return --snapshot->missing == 0 ? cps_send_kept(CPS_SNAPSHOT_TAKE, step, outbox) : CPS_OK;
}

/* The step after which a movie block that is lent as it is after `step` will be returned, if not requested
 * earlier.
 */
static uint64_t return_step(const struct cps_lender *self, uint32_t block, uint64_t step)
{
    const struct cps_blocks *blocks = &self->parts.blocks;
    uint32_t worker = cps_blocks_worker(blocks, cps_blocks_user(blocks, block, step));
    do
        step++;
    while (step % blocks->count != 0 && !saves_after(self, step) &&
           cps_blocks_worker(blocks, cps_blocks_user(blocks, block, step)) == worker);
    return step;
}

/* The latest step that any row can reach with the present leases. User blocks get no further than movie blocks.
 */
static uint64_t furthest(const struct cps_lender *self)
{
    uint64_t most = 0;
    for (uint32_t block = 0; block < self->parts.blocks.count; block++) {
        const struct cps_block_part *part = &self->parts.of[CPS_TABLE_MOVIES][block];
        uint64_t step = part->lent ? return_step(self, block, part->step) : part->step;
        if (step > most)
            most = step;
    }
    return most;
}

/* Ends all leases after step. The server itself tells the workers, before it lends any block that could pass
 * step: the coordinator's message takes another route and may arrive later. */
static enum cps_status save_at(struct cps_lender *self, uint64_t step, struct cps_outbox *outbox)
{
    struct cps_message *message;
    self->save_step = step;
    for (uint32_t worker = 0; worker < self->plan.workers; worker++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_SNAPSHOT, 1 + self->plan.servers + worker, 0, &message));
        message->snapshot = (struct cps_snapshot){.step = step, .action = CPS_SNAPSHOT_TAKE};
    }
    if (step <= self->snapshot.decided)
        return CPS_OK;
    for (int table = 0; table < CPS_TABLES; table++)
        for (uint32_t block = 0; block < self->parts.blocks.count; block++) {
            const struct cps_block_part *part = &self->parts.of[table][block];
            if (part->step == step && (part->buffer || part->rows == 0))
                CPS_TRY(keep_if_due(self, (enum cps_table_kind)table, block, outbox));
        }
    return CPS_OK;
}

static enum cps_status on_snapshot(struct cps_lender *self, const struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    const struct cps_snapshot *wanted = &message->snapshot;
    CPS_TRY(cps_message_check(message, 0));
    if (message->from != 0 || !self->planned ||
        (wanted->action == CPS_SNAPSHOT_TAKE && wanted->step < furthest(self)))
        return cps_fail(CPS_ERR_PEER, "node %u asked server %u to keep step %llu out of turn", message->from,
                        self->server, (unsigned long long)wanted->step);
    self->held = wanted->action == CPS_SNAPSHOT_HOLD;
    if (self->held)
        return cps_send_kept(CPS_SNAPSHOT_HOLD, furthest(self), outbox);
    if (wanted->action == CPS_SNAPSHOT_TAKE)
        CPS_TRY(save_at(self, wanted->step, outbox));
    return lend_all(self, outbox);
}

static enum cps_status on_fetch(struct cps_lender *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_state *asked = &message->state;
    struct cps_block_snapshot *snapshot = &self->snapshot;
    struct cps_message *state;
    bool kept = snapshot->held && snapshot->missing == 0 && asked->step == snapshot->step;
    if (asked->rows == 0) {
        snapshot->held &= !kept;
        return CPS_OK;
    }
    CPS_TRY(cps_send_state(&self->plan, self->server, asked, kept, outbox, &state));
    size_t words = state->state.words;
    memcpy(state->payload->data, snapshot->words + asked->first_row * words,
           asked->rows * words * sizeof(uint32_t));
    return CPS_OK;
}

/* ---- returns ---- */

static enum cps_status stray_return(const struct cps_lender *self, const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u returned a block to server %u that it does not have", message->from,
                    self->server);
}

static enum cps_status on_shared_return(struct cps_lender *self, const struct cps_message *message,
                                        struct cps_outbox *outbox)
{
    const struct cps_lease *lease = &message->lease;
    struct cps_block_part *part = &self->parts.of[CPS_TABLE_MOVIES][lease->block];
    if (!lease->movies || part->readers == 0 || lease->step != part->step || lease->rows)
        return stray_return(self, message);
    if (--part->readers > 0)
        return CPS_OK;
    part->read = part->known = true;
    return lend(self, CPS_TABLE_MOVIES, lease->block, outbox);
}

static enum cps_status answer_if_home(struct cps_lender *self, struct cps_outbox *outbox);

static enum cps_status on_return(struct cps_lender *self, struct cps_message *message,
                                 struct cps_outbox *outbox)
{
    const struct cps_lease *lease = &message->lease;
    CPS_TRY(cps_message_check(message, 0));
    if (!self->planned || lease->block >= self->parts.blocks.count)
        return stray_return(self, message);
    if (lease->shared)
        return on_shared_return(self, message, outbox);
    enum cps_table_kind table = lease->movies ? CPS_TABLE_MOVIES : CPS_TABLE_USERS;
    struct cps_block_part *part = &self->parts.of[table][lease->block];
    bool in_place = lends_in_place(self, message->from, outbox);
    if (!part->lent || part->node != message->from || lease->rows != part->rows ||
        lease->row_floats != (in_place ? self->parts.rule.row_floats : cps_block_packed_floats(&self->plan)) ||
        lease->step < part->step + lease->movies || lease->step > cps_plan_steps(&self->plan) ||
        runs_over_save(self, part->step, lease->step))
        return stray_return(self, message);
    if (in_place)
        part->buffer = cps_buffer_retain(message->payload);
    else if (message->payload)
        cps_block_parts_unpack(&self->parts, table, lease->block, message->payload);
    part->step = lease->step;
    part->lent = false;
    part->read = false;
    CPS_TRY(keep_if_due(self, table, lease->block, outbox));
    CPS_TRY(lend(self, table, lease->block, outbox));
    return self->asked ? answer_if_home(self, outbox) : CPS_OK;
}

/* ---- the coordinator reads ---- */

static enum cps_status answer(struct cps_lender *self, const struct cps_message *message,
                              struct cps_outbox *outbox)
{
    const struct cps_exchange *exchange = &message->exchange;
    uint32_t rows = exchange->read_rows, width = cps_plan_row_width(&self->plan);
    const uint32_t *keys = rows ? (const uint32_t *)(const void *)message->payload->data : NULL;
    bool has_bias = self->plan.model == CPS_MODEL_BIAS;
    struct cps_message *reply;
    CPS_TRY(
        cps_outbox_add(outbox, CPS_MESSAGE_ROWS, message->from, (size_t)rows * width * sizeof(float), &reply));
    reply->rows = (struct cps_rows){.step = exchange->step, .ticket = exchange->ticket, .rows = rows};
    float *out = rows ? (float *)(void *)reply->payload->data : NULL;
    for (uint32_t i = 0; i < rows; i++, out += width) {
        enum cps_table_kind table;
        if (keys[i] < self->plan.user_rows || keys[i] >= cps_plan_keys(&self->plan) ||
            keys[i] % self->plan.servers != self->server)
            return cps_fail(CPS_ERR_PEER, "node %u asked server %u for key %u, which it does not read here",
                            message->from, self->server, keys[i]);
        const float *row = cps_block_parts_row(&self->parts, keys[i], &table);
        cps_block_row_get(&self->parts.rule, has_bias, table == CPS_TABLE_MOVIES, row, out);
    }
    return CPS_OK;
}

static enum cps_status answer_if_home(struct cps_lender *self, struct cps_outbox *outbox)
{
    if (!cps_block_parts_are_home(&self->parts, self->pending.exchange.step))
        return CPS_OK;
    CPS_TRY(answer(self, &self->pending, outbox));
    cps_message_release(&self->pending);
    self->asked = false;
    return CPS_OK;
}

static enum cps_status on_exchange(struct cps_lender *self, struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    if (!self->planned || self->asked || message->from != 0)
        return cps_fail(CPS_ERR_PEER, "node %u sent server %u an exchange out of turn", message->from,
                        self->server);
    CPS_TRY(cps_message_check(message, cps_plan_row_width(&self->plan)));
    if (message->exchange.has_push || message->exchange.pull_rows)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent server %u gradients", self->server);
    self->pending = *message;
    if (message->payload)
        cps_buffer_retain(message->payload);
    self->asked = true;
    return answer_if_home(self, outbox);
}

/* ---- the role ---- */

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_lender *self = context;
    switch (message->kind) {
    case CPS_MESSAGE_PLAN:
        return on_plan(self, &message->plan, outbox);
    case CPS_MESSAGE_GRANT:
        return on_grant(self, message, outbox);
    case CPS_MESSAGE_PASS:
        return on_pass(self, message, outbox);
    case CPS_MESSAGE_RETURN:
        cps_outbox_enter(outbox, CPS_PHASE_OPTIMIZER);
        return on_return(self, message, outbox);
    case CPS_MESSAGE_EXCHANGE:
        return on_exchange(self, message, outbox);
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
    struct cps_lender *self = context;
    return self->member.greeted ? CPS_OK : cps_member_greet(&self->member, NULL, outbox);
}

static bool done(const void *context)
{
    const struct cps_lender *self = context;
    return self->member.stopped;
}

struct cps_role cps_lender_role(struct cps_lender *self)
{
    static const struct cps_role_ops ops = {.on_message = on_message, .on_tick = on_tick, .done = done};
    return (struct cps_role){.ops = &ops, .self = self, .node = 1 + self->server};
}
