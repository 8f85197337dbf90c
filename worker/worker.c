/*
 * The worker's state machine; see worker.h.
 *
 * One round is an exchange with every server; when all have answered, the worker continues:
 *
 *     rows of step t (and of validation ratings) have arrived
 *       validating?  errors; more ratings? another round, for them alone
 *       step t: errors -> slopes -> gradients
 *       round: push t, pull t+1, after the epoch's last step read the first validation rows
 *       gather step t+2 while the round is on its way
 *
 * Steps alternate between two gathers: the one whose rows are in use and the one whose rows are requested.
 */
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/drive/member.h"
#include "worker/gather.h"
#include "worker/greeting.h"
#include "worker/push.h"
#include "worker/scores.h"

enum {
    READ_SAMPLES = 32768, /* validation ratings a round */
    REPORT_STEPS = 4096,  /* most steps in a report */
};
static const uint64_t REPORT_EVERY_NS = 100000000;

struct cps_worker {
    uint32_t node;
    const struct cps_dataset *dataset;
    const struct cps_kernels *kernels;
    const struct cps_batch_order *replay;
    struct cps_team *team;
    struct cps_member member;
    bool planned, begun, diverged;
    struct cps_plan plan;
    struct cps_batches batches;
    struct cps_key_map map;
    struct cps_gather gathers[2], reads;
    struct cps_push push;
    uint64_t step;       /* the step whose rows are requested or have arrived */
    uint64_t ticket;     /* of the current round */
    uint32_t awaited;    /* servers that have not answered it */
    uint64_t *answered;  /* [servers]: the last ticket that each has answered */
    bool pulls, reading; /* whether it requests rows of a step, of validation ratings */
    uint64_t read_done;  /* validation ratings evaluated in this epoch */
    struct cps_error_sums valid;
    struct cps_scores scores;
    struct cps_loss_sum losses[REPORT_STEPS]; /* of the steps not yet reported */
    uint64_t reported;                        /* steps reported */
    uint64_t reported_ns;
    uint64_t granted;  /* steps */
    bool held;         /* the rows of step have arrived, but it is not granted */
    uint64_t saved_at; /* a checkpoint after this step needs the losses up to it; 0: none */
};

enum cps_status cps_worker_create(uint32_t node, const struct cps_dataset *dataset,
                                  const struct cps_kernels *kernels, const struct cps_batch_order *replay,
                                  struct cps_team *team, struct cps_worker **out)
{
    struct cps_worker *self;
    CPS_TRY(cps_alloc("a worker", 1, sizeof *self, &self));
    self->node = node;
    self->member = (struct cps_member){.title = "worker node", .number = node};
    self->dataset = dataset;
    self->kernels = kernels;
    self->replay = replay;
    self->team = team;
    *out = self;
    return CPS_OK;
}

void cps_worker_destroy(struct cps_worker **out)
{
    struct cps_worker *self = *out;
    if (!self)
        return;
    cps_batches_release(&self->batches);
    cps_key_map_release(&self->map);
    cps_gather_release(&self->gathers[0]);
    cps_gather_release(&self->gathers[1]);
    cps_gather_release(&self->reads);
    cps_push_release(&self->push);
    cps_scores_release(&self->scores);
    free(self->answered);
    free(self);
    *out = NULL;
}

static struct cps_gather *gather_of(struct cps_worker *self, uint64_t step)
{
    return &self->gathers[step % 2];
}

/* Gathers the samples of step, after assigning the samples of its epoch to steps if it begins one. */
static enum cps_status gather_step(struct cps_worker *self, uint64_t step)
{
    uint64_t per_epoch = cps_plan_steps_per_epoch(&self->plan);
    const uint32_t *samples;
    if (step >= cps_plan_steps(&self->plan))
        return CPS_OK;
    if (step % per_epoch == 0)
        CPS_TRY(cps_batches_begin(&self->batches, (uint32_t)(step / per_epoch)));
    uint32_t count = cps_batches_step(&self->batches, step % per_epoch, &samples);
    return cps_gather_samples(gather_of(self, step), &self->map, &self->dataset->train, samples,
                              cps_batches_left(&self->batches, step % per_epoch), count);
}

static enum cps_status gather_reads(struct cps_worker *self)
{
    uint64_t left = self->dataset->valid.count - self->read_done;
    uint32_t count = left < READ_SAMPLES ? (uint32_t)left : READ_SAMPLES;
    const struct cps_samples *valid = &self->dataset->valid;
    /* A small set takes one round, which is the same in every epoch. */
    if (self->read_done == 0 && count == valid->count && self->reads.sample_count == count)
        return CPS_OK;
    const struct cps_samples rest = {.user = valid->user + self->read_done,
                                     .movie = valid->movie + self->read_done,
                                     .rating = valid->rating + self->read_done};
    return cps_gather_samples(&self->reads, &self->map, &rest, NULL, 0, count);
}

/* Creates an exchange for server with its keys, leaving room for its push before them. */
static enum cps_status add_exchange(struct cps_worker *self, uint32_t server, const struct cps_gather *pushed,
                                    struct cps_outbox *outbox, struct cps_message **out)
{
    const struct cps_gather *pulled = self->pulls ? gather_of(self, self->step) : NULL;
    uint32_t pull_rows = pulled ? pulled->shares[server].count : 0;
    uint32_t read_rows = self->reading ? self->reads.shares[server].count : 0;
    size_t push_bytes = pushed ? cps_push_bytes(pushed, server) : 0;
    size_t bytes = push_bytes + ((size_t)pull_rows + read_rows) * sizeof(uint32_t);
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_EXCHANGE, 1 + server, bytes, out));
    (*out)->exchange = (struct cps_exchange){
        .step = self->step, .ticket = self->ticket, .pull_rows = pull_rows, .read_rows = read_rows};
    if (pull_rows + read_rows == 0)
        return CPS_OK;
    uint32_t *keys = (uint32_t *)(void *)((*out)->payload->data + push_bytes);
    if (pull_rows)
        cps_gather_keys(pulled, server, keys);
    if (read_rows)
        cps_gather_keys(&self->reads, server, keys + pull_rows);
    return CPS_OK;
}

/* Begins a round; every server's answer is awaited from now on. */
static void begin_round(struct cps_worker *self, bool pulls, bool reading)
{
    self->ticket++;
    self->pulls = pulls;
    self->reading = reading;
    self->awaited = self->plan.servers;
}

/* Sends a round without a push. */
static enum cps_status ask(struct cps_worker *self, struct cps_outbox *outbox)
{
    struct cps_message *exchange;
    for (uint32_t server = 0; server < self->plan.servers; server++)
        CPS_TRY(add_exchange(self, server, NULL, outbox, &exchange));
    return CPS_OK;
}

static enum cps_status report(struct cps_worker *self, bool has_valid, struct cps_outbox *outbox)
{
    uint32_t steps = (uint32_t)(self->step - self->reported);
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_REPORT, 0, steps * sizeof self->losses[0], &message));
    message->report = (struct cps_report){.first_step = self->reported, .steps = steps, .has_valid = has_valid};
    if (has_valid) {
        uint64_t epoch = self->step / cps_plan_steps_per_epoch(&self->plan) - 1;
        message->report.epoch = (uint32_t)epoch;
        message->report.valid_sum = cps_loss_sum_of(self->valid.squared);
        message->report.valid_absolute = cps_loss_sum_of(self->valid.absolute);
        message->report.valid_count = self->dataset->valid.count;
        cps_outbox_spent(outbox, message->report.spent_ns);
    }
    if (steps)
        memcpy(message->payload->data, self->losses, steps * sizeof self->losses[0]);
    self->reported = self->step;
    return CPS_OK;
}

/* Reports the losses so far and that no further step can be trained; then waits to be stopped. */
static enum cps_status diverge(struct cps_worker *self, enum cps_diverged what, struct cps_outbox *outbox)
{
    CPS_TRY(report(self, false, outbox));
    struct cps_report *told = &outbox->messages[outbox->count - 1].report;
    told->diverged = what;
    told->diverged_step = self->step - (what == CPS_DIVERGED_UPDATE);
    self->diverged = true;
    return CPS_OK;
}

/* The keys of a sample's rows, as a number to compare by. */
static uint64_t keys_of(const struct cps_gather *gather, size_t sample)
{
    return (uint64_t)gather->key[gather->user[sample]] << 32 | gather->key[gather->movie[sample]];
}

/* As diverge, for errors of which that of sample first_bad is the first out of range. Of all errors out of
 * range it reports the one with the lowest rows, so that the report does not depend on how ratings are
 * distributed. */
static enum cps_status diverge_at(struct cps_worker *self, enum cps_diverged what,
                                  const struct cps_gather *gather, size_t first_bad, struct cps_outbox *outbox)
{
    size_t named = first_bad;
    for (size_t i = first_bad + 1; i < gather->sample_count; i++) {
        float error = cps_predict(&self->plan, self->scores.score[i]) - gather->rating[i];
        if (!cps_error_in_range(error) && keys_of(gather, i) < keys_of(gather, named))
            named = i;
    }
    CPS_TRY(diverge(self, what, outbox));
    struct cps_report *told = &outbox->messages[outbox->count - 1].report;
    told->user_row = gather->key[gather->user[named]];
    told->movie_row = gather->key[gather->movie[named]] - self->plan.user_rows;
    return CPS_OK;
}

/* Computes the errors of the validation ratings whose rows have arrived. *finished tells whether they were the
 * last of the epoch. */
static enum cps_status validate(struct cps_worker *self, struct cps_outbox *outbox, bool *finished)
{
    struct cps_gather *reads = &self->reads;
    *finished = false;
    size_t good;
    CPS_TRY(cps_scores_validate(&self->scores, reads, &self->valid, &good));
    if (good < reads->sample_count)
        return diverge_at(self, CPS_DIVERGED_VALIDATION, reads, good, outbox);
    self->read_done += reads->sample_count;
    *finished = self->read_done == self->dataset->valid.count;
    return *finished ? report(self, true, outbox) : CPS_OK;
}

/* Computes the step whose rows have arrived and sends the round that pushes its gradients. */
static enum cps_status train(struct cps_worker *self, struct cps_outbox *outbox)
{
    struct cps_gather *gather = gather_of(self, self->step);
    cps_int128 loss = 0;
    size_t good;
    CPS_TRY(cps_scores_train(&self->scores, gather, &loss, &good));
    if (good < gather->sample_count)
        return diverge_at(self, CPS_DIVERGED_ERROR, gather, good, outbox);
    self->losses[self->step - self->reported] = cps_loss_sum_of(loss);

    bool ends_epoch = (self->step + 1) % cps_plan_steps_per_epoch(&self->plan) == 0;
    struct cps_message *exchange;
    size_t first_exchange = outbox->count;
    CPS_TRY(cps_push_begin(&self->push, gather));
    self->step++;
    if (ends_epoch) {
        self->read_done = 0;
        self->valid = (struct cps_error_sums){0};
        CPS_TRY(gather_reads(self));
    }
    begin_round(self, self->step < cps_plan_steps(&self->plan), ends_epoch);
    for (uint32_t server = 0; server < self->plan.servers; server++) {
        CPS_TRY(add_exchange(self, server, gather, outbox, &exchange));
        cps_push_place(&self->push, gather, server, exchange);
    }
    if (!cps_push_gradients(&self->push, gather, self->scores.slope)) {
        cps_outbox_truncate(outbox, first_exchange);
        return diverge(self, CPS_DIVERGED_UPDATE, outbox);
    }
    if (self->step - self->reported == REPORT_STEPS || self->step == self->saved_at)
        CPS_TRY(report(self, false, outbox));
    return gather_step(self, self->step + 1);
}

/* Continues once every server has answered. */
static enum cps_status go_on(struct cps_worker *self, struct cps_outbox *outbox)
{
    if (self->reading) {
        bool finished;
        cps_outbox_enter(outbox, CPS_PHASE_VALIDATION);
        CPS_TRY(validate(self, outbox, &finished));
        if (self->diverged)
            return CPS_OK;
        if (!finished) {
            CPS_TRY(gather_reads(self));
            begin_round(self, false, true);
            return ask(self, outbox);
        }
    }
    cps_outbox_enter(outbox, CPS_PHASE_COMPUTE);
    if (self->step == cps_plan_steps(&self->plan))
        return CPS_OK;
    self->held = self->step >= self->granted;
    return self->held ? CPS_OK : train(self, outbox);
}

/* Checks that plan fits this worker's ratings and node. */
static enum cps_status check_plan(const struct cps_worker *self, const struct cps_plan *plan)
{
    const struct cps_dataset *data = self->dataset;
    if (plan->train_count != data->train_count || plan->valid_count != data->valid_count ||
        plan->user_rows < data->users.rows || plan->movie_rows < data->movies.rows)
        return cps_fail(CPS_ERR_PEER, "the coordinator's plan is not for the ratings of worker node %u",
                        self->node);
    if (self->node <= plan->servers || self->node > plan->servers + plan->workers)
        return cps_fail(CPS_ERR_PEER,
                        "the coordinator's plan is for %u servers and %u workers, not for this job",
                        plan->servers, plan->workers);
    return CPS_OK;
}

/* If the first steps of an epoch were done in an earlier start, all its batches are computed nevertheless. */
static enum cps_status begin_epoch_under_way(struct cps_worker *self)
{
    uint64_t per_epoch = cps_plan_steps_per_epoch(&self->plan);
    if (self->step % per_epoch == 0 || self->step >= cps_plan_steps(&self->plan))
        return CPS_OK;
    return cps_batches_begin(&self->batches, (uint32_t)(self->step / per_epoch));
}

static enum cps_status on_plan(struct cps_worker *self, const struct cps_plan *plan, struct cps_outbox *outbox)
{
    struct cps_message *ready;
    if (self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator sent a second plan");
    CPS_TRY(cps_plan_check(plan));
    CPS_TRY(check_plan(self, plan));
    self->plan = *plan;
    CPS_TRY(cps_batches_init(&self->batches, plan, &self->dataset->train, self->replay));
    CPS_TRY(cps_key_map_init(&self->map, plan));
    CPS_TRY(cps_gather_init(&self->gathers[0], plan, self->team));
    CPS_TRY(cps_gather_init(&self->gathers[1], plan, self->team));
    CPS_TRY(cps_gather_init(&self->reads, plan, self->team));
    CPS_TRY(cps_push_init(&self->push, plan, self->kernels, self->team));
    cps_scores_init(&self->scores, plan, self->kernels, self->team);
    self->step = self->reported = plan->first_step;
    CPS_TRY(begin_epoch_under_way(self));
    CPS_TRY(gather_step(self, self->step));
    CPS_TRY(cps_alloc("answers", plan->servers, sizeof *self->answered, &self->answered));
    self->planned = true;
    return cps_outbox_add(outbox, CPS_MESSAGE_READY, 0, 0, &ready);
}

/* The grant that covers the step after the plan's first_step begins the run. */
static enum cps_status on_grant(struct cps_worker *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_grant *grant = &message->grant;
    if (!self->planned)
        return cps_fail(CPS_ERR_PEER, "the coordinator granted steps before the plan");
    CPS_TRY(cps_message_check(message, 0));
    if (grant->first_step != self->granted || grant->steps == 0)
        return cps_fail(CPS_ERR_PEER, "the coordinator granted steps out of order");
    self->granted = grant->first_step + grant->steps;
    if (self->held && self->step < self->granted) {
        self->held = false;
        cps_outbox_enter(outbox, CPS_PHASE_COMPUTE);
        return train(self, outbox);
    }
    if (self->begun || self->granted < self->step)
        return CPS_OK;
    self->begun = true;
    uint64_t before[CPS_PHASES];
    cps_outbox_spent(outbox, before); /* time before the first epoch is not counted */
    cps_outbox_enter(outbox, CPS_PHASE_COMPUTE);
    if (self->plan.validates_first)
        CPS_TRY(gather_reads(self));
    begin_round(self, self->step < cps_plan_steps(&self->plan), self->plan.validates_first);
    CPS_TRY(ask(self, outbox));
    return gather_step(self, self->step + 1);
}

static enum cps_status on_rows(struct cps_worker *self, struct cps_message *message, struct cps_outbox *outbox)
{
    uint32_t server = message->from - 1, width = cps_plan_row_width(&self->plan);
    if (!self->planned || server >= self->plan.servers)
        return cps_member_refuse(&self->member, message);
    const struct cps_gather *pulled = self->pulls ? gather_of(self, self->step) : NULL;
    uint32_t pull_rows = pulled ? pulled->shares[server].count : 0;
    uint32_t read_rows = self->reading ? self->reads.shares[server].count : 0;
    CPS_TRY(cps_message_check(message, width));
    if (message->rows.step != self->step || message->rows.ticket != self->ticket || self->awaited == 0 ||
        message->rows.rows != pull_rows + read_rows || self->answered[server] == self->ticket)
        return cps_fail(CPS_ERR_PEER, "server %u sent rows that match no outstanding request", server);
    self->answered[server] = self->ticket;
    cps_outbox_enter(outbox, self->reading ? CPS_PHASE_VALIDATION : CPS_PHASE_COMPUTE);
    if (message->payload) {
        const float *rows = (const float *)(const void *)message->payload->data;
        if (pull_rows)
            cps_gather_fill(gather_of(self, self->step), server, rows);
        if (read_rows)
            cps_gather_fill(&self->reads, server, rows + (size_t)pull_rows * width);
    }
    return --self->awaited == 0 ? go_on(self, outbox) : CPS_OK;
}

/* A checkpoint needs the losses up to its step, so they are reported at once. */
static enum cps_status on_snapshot(struct cps_worker *self, const struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    const struct cps_snapshot *wanted = &message->snapshot;
    if (message->from != 0)
        return cps_fail(CPS_ERR_PEER, "node %u told worker node %u of a checkpoint", message->from, self->node);
    if (!self->planned || wanted->action != CPS_SNAPSHOT_TAKE)
        return CPS_OK;
    self->saved_at = wanted->step;
    return self->step > self->reported && self->step >= wanted->step ? report(self, false, outbox) : CPS_OK;
}

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_worker *self = context;
    switch (message->kind) {
    case CPS_MESSAGE_PLAN:
        return on_plan(self, &message->plan, outbox);
    case CPS_MESSAGE_GRANT:
        return on_grant(self, message, outbox);
    case CPS_MESSAGE_SNAPSHOT:
        return on_snapshot(self, message, outbox);
    case CPS_MESSAGE_ROWS:
        return on_rows(self, message, outbox);
    default:
        return cps_member_on_message(&self->member, message);
    }
}

static enum cps_status on_tick(void *context, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct cps_worker *self = context;
    if (!self->member.greeted)
        return cps_greet_with_data(&self->member, self->dataset, outbox);
    if (now_ns - self->reported_ns < REPORT_EVERY_NS)
        return CPS_OK;
    self->reported_ns = now_ns;
    return self->step > self->reported ? report(self, false, outbox) : CPS_OK;
}

static bool done(const void *context)
{
    const struct cps_worker *self = context;
    return self->member.stopped;
}

/* Before the first step the worker waits for all other nodes, which the coordinator watches. */
static bool awaits(const void *context, struct cps_awaited *out)
{
    const struct cps_worker *self = context;
    *out = (struct cps_awaited){.patience = CPS_PATIENCE_FOR_COORDINATOR, .what = "the plan"};
    if (self->planned) {
        out->what = "the leave to train step";
        out->numbered = true;
        out->number = self->step;
    }
    if (!self->begun || self->held || self->awaited == 0)
        return !self->member.stopped && self->member.greeted && (!self->begun || self->held);
    uint32_t server = 0;
    while (self->answered[server] == self->ticket)
        server++;
    out->node = 1 + server;
    out->what = "the rows of step";
    out->patience = CPS_PATIENCE_WORKER;
    return true;
}

struct cps_role cps_worker_role(struct cps_worker *self)
{
    static const struct cps_role_ops ops = {
        .on_message = on_message, .on_tick = on_tick, .done = done, .awaits = awaits};
    return (struct cps_role){.ops = &ops, .self = self, .node = self->node};
}
