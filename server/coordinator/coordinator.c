/*
 * The coordinator's state machine; see coordinator.h.
 *
 * Steps are granted in blocks of CPS_BLOCK_STEPS, far enough ahead that no server ever
 * waits for a grant.
 */
#include "server/coordinator/coordinator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/model/residual.h"
#include "common/model/steps.h"
#include "server/coordinator/divergence.h"
#include "server/coordinator/losses.h"

enum {
    READ_ROWS = 4096,       /* keys of the model read at a time */
    MOST_STATE_ROWS = 65536 /* that a server may ask for at a time */
};

static const double SMOOTHING = 0.98; /* fastai's AvgSmoothLoss */

struct epoch_sum {
    struct cps_error_sums valid;
    uint64_t valid_count;
    uint32_t reports;
    uint64_t spent_ns[CPS_PHASES]; /* over the workers */
};

/* What follows once the observer is no longer busy. */
enum next_step { NEXT_NOTHING, NEXT_GRANTS, NEXT_ROWS, NEXT_STOP };

/* What the coordinator has had of a node. */
struct heard {
    bool hello, ready;
    uint64_t ticket; /* of the last read that it answered */
    uint64_t steps;  /* reported, of a worker */
    uint32_t epochs; /* whose validation it reported */
};

struct cps_coordinator {
    struct cps_plan plan;
    uint8_t fingerprint[CPS_SHA256_BYTES];
    struct cps_observer observer;
    uint32_t nodes, greeted, ready;
    struct cps_start_result start;
    uint64_t train_count, valid_count; /* that the workers hold */
    uint64_t granted, finished;        /* steps */
    struct cps_losses losses;
    struct cps_divergence divergence;
    struct cps_saves saves;
    struct cps_restart restart; /* rows NULL: from the beginning */
    double average;             /* of step losses, not debiased (batch solver) */
    cps_int128 epoch_loss;      /* over the epoch under way (block solver) */
    uint64_t epoch_ratings;
    struct epoch_sum *epoch_sum;            /* [epochs] */
    uint32_t epoch;                         /* the one under way */
    uint64_t optimizer_ns;                  /* over the servers, not yet in an epoch */
    uint64_t snapshot_ns;                   /* likewise */
    uint32_t read_key, read_count, awaited; /* keys of the model being read; servers to answer */
    uint64_t ticket;
    float *rows; /* [READ_ROWS][width] */
    uint64_t now_ns, peer_timeout_ns;
    const struct cps_route *route; /* for the names of nodes in errors; NULL: plain ones */
    uint64_t *heard_ns;            /* [nodes]: when each last said anything; 0 before the first tick */
    struct heard *heard;           /* [nodes] */
    bool reads_epoch;              /* the rows being read are those after an epoch that is not the last */
    bool interrupted;              /* ends once they are read */
    enum next_step next;
    bool stop_asked; /* by the user, of whatever rank */
    bool begun, stopped;
};

enum cps_status cps_coordinator_create(const struct cps_plan *plan, const uint8_t fingerprint[CPS_SHA256_BYTES],
                                       const struct cps_observer *observer, uint64_t peer_timeout_ns,
                                       struct cps_coordinator **out)
{
    struct cps_coordinator *self;
    if (cps_plan_steps(plan) == 0) {
        cps_fail(CPS_ERR_DATA, "%llu training ratings do not fill one batch of %u",
                 (unsigned long long)plan->train_count, plan->batch_size);
        return cps_hint(CPS_ERR_DATA, "lower --batch-size");
    }
    if (cps_plan_steps(plan) > UINT32_MAX)
        return cps_fail(CPS_ERR_USAGE, "%llu steps are more than a run can have (%u)",
                        (unsigned long long)cps_plan_steps(plan), UINT32_MAX);
    CPS_TRY(cps_plan_check(plan));
    CPS_TRY(cps_alloc("the coordinator", 1, sizeof *self, &self));
    self->plan = *plan;
    self->plan.reads_epochs = observer->wants_epoch != NULL;
    self->observer = *observer;
    self->nodes = 1 + plan->servers + plan->workers;
    self->peer_timeout_ns = peer_timeout_ns;
    memcpy(self->fingerprint, fingerprint, CPS_SHA256_BYTES);
    enum cps_status status = cps_alloc("epoch losses", plan->epochs, sizeof *self->epoch_sum, &self->epoch_sum);
    if (status == CPS_OK)
        status = cps_alloc("rows of the model", (size_t)READ_ROWS * cps_plan_row_width(plan),
                           sizeof *self->rows, &self->rows);
    if (status == CPS_OK)
        status = cps_alloc("heard nodes", self->nodes, sizeof *self->heard_ns, &self->heard_ns);
    if (status == CPS_OK)
        status = cps_alloc("heard nodes", self->nodes, sizeof *self->heard, &self->heard);
    if (status != CPS_OK) {
        cps_coordinator_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_coordinator_name_nodes(struct cps_coordinator *self, const struct cps_route *route)
{
    self->route = route;
}

void cps_coordinator_destroy(struct cps_coordinator **out)
{
    struct cps_coordinator *self = *out;
    if (!self)
        return;
    cps_losses_release(&self->losses);
    cps_saves_release(&self->saves);
    free(self->epoch_sum);
    free(self->rows);
    free(self->heard_ns);
    free(self->heard);
    free(self);
    *out = NULL;
}

enum cps_status cps_coordinator_restart(struct cps_coordinator *self, const struct cps_restart *restart)
{
    const struct cps_save_mark *mark = &restart->mark;
    uint64_t per_epoch = cps_plan_steps_per_epoch(&self->plan);
    bool ends_epoch = mark->step > 0 && mark->step % per_epoch == 0;
    uint64_t ended = mark->step / per_epoch; /* epochs whose steps are done */
    if (mark->step > cps_plan_steps(&self->plan) || mark->epochs > ended || mark->epochs + ends_epoch < ended)
        return cps_fail(CPS_ERR_DATA, "the checkpoint of step %llu with %u epochs is none of this run's",
                        (unsigned long long)mark->step, mark->epochs);
    self->restart = *restart;
    self->plan.first_step = self->finished = mark->step;
    self->plan.validates_first = mark->epochs < ended;
    self->epoch = mark->epochs;
    for (uint32_t node = 1 + self->plan.servers; node < self->nodes; node++) {
        self->heard[node].steps = mark->step;
        self->heard[node].epochs = mark->epochs;
    }
    self->average = mark->average;
    self->epoch_loss = mark->epoch_loss;
    self->epoch_ratings = mark->epoch_ratings;
    cps_losses_begin_at(&self->losses, mark->step);
    return CPS_OK;
}

enum cps_status cps_coordinator_save_to(struct cps_coordinator *self, const struct cps_save_sink *sink)
{
    return cps_saves_init(&self->saves, &self->plan, sink);
}

static enum cps_status stray(const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u sent the coordinator a '%s'", message->from,
                    cps_message_kind_name(message->kind));
}

static enum cps_status check_data(struct cps_coordinator *self, const struct cps_message *message)
{
    const struct cps_hello *hello = &message->hello;
    if (!hello->has_data)
        return CPS_OK;
    if (memcmp(hello->fingerprint, self->fingerprint, CPS_SHA256_BYTES) != 0) {
        cps_fail(CPS_ERR_DATA, "worker %u read other data than the coordinator",
                 message->from - 1 - self->plan.servers);
        return cps_hint(CPS_ERR_DATA, "the files behind --data must be the same on every host");
    }
    self->train_count += hello->train_count;
    self->valid_count += hello->valid_count;
    self->start.sample_bytes += hello->sample_bytes;
    return CPS_OK;
}

static enum cps_status on_hello(struct cps_coordinator *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    struct cps_message *plan;
    if (self->heard[message->from].hello)
        return stray(message);
    self->heard[message->from].hello = true;
    CPS_TRY(check_data(self, message));
    if (++self->greeted < self->nodes - 1)
        return CPS_OK;
    if (self->train_count != self->plan.train_count || self->valid_count != self->plan.valid_count)
        return cps_fail(CPS_ERR_INTERNAL, "the workers hold %llu + %llu ratings of %llu + %llu",
                        (unsigned long long)self->train_count, (unsigned long long)self->valid_count,
                        (unsigned long long)self->plan.train_count, (unsigned long long)self->plan.valid_count);
    for (uint32_t node = 1; node < self->nodes; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_PLAN, node, 0, &plan));
        plan->plan = self->plan;
    }
    return CPS_OK;
}

/* Grants one block to every node. */
static enum cps_status grant_block(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t left = cps_plan_steps(&self->plan) - self->granted;
    uint32_t steps = left < CPS_BLOCK_STEPS ? (uint32_t)left : CPS_BLOCK_STEPS;
    struct cps_message *grant;
    for (uint32_t node = 1; node < self->nodes; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_GRANT, node, 2 * steps * sizeof(double), &grant));
        grant->grant = (struct cps_grant){.first_step = self->granted, .steps = steps};
        double *lr = (double *)(void *)grant->payload->data, *momentum = lr + steps;
        for (uint32_t i = 0; i < steps; i++) {
            struct cps_hyper hyper = cps_schedule_at(&self->plan, self->granted + i);
            lr[i] = hyper.lr;
            momentum[i] = hyper.momentum;
        }
    }
    self->granted += steps;
    return CPS_OK;
}

/* To the end of the epoch after this one, and two blocks ahead of the slowest report where epochs are short. */
static enum cps_status grant_ahead(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t total = cps_plan_steps(&self->plan);
    uint64_t wanted = cps_plan_steps_per_epoch(&self->plan) * (self->epoch + 2);
    if (wanted < self->finished + (uint64_t)2 * CPS_BLOCK_STEPS)
        wanted = self->finished + (uint64_t)2 * CPS_BLOCK_STEPS;
    while (self->granted < wanted && self->granted < total)
        CPS_TRY(grant_block(self, outbox));
    return CPS_OK;
}

static enum cps_status go_on(struct cps_coordinator *self, struct cps_outbox *outbox);
static enum cps_status read_model(struct cps_coordinator *self, struct cps_outbox *outbox);

static enum cps_status on_ready(struct cps_coordinator *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    if (self->greeted < self->nodes - 1 || self->heard[message->from].ready)
        return stray(message);
    self->heard[message->from].ready = true;
    if (++self->ready < self->nodes - 1)
        return CPS_OK;
    if (self->restart.done)
        self->restart.done(self->restart.context);
    self->restart.rows = NULL;
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    CPS_TRY(self->observer.on_start(self->observer.context, &self->start));
    self->next = NEXT_GRANTS;
    return go_on(self, outbox);
}

static enum cps_status begin_training(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t before[CPS_PHASES];
    cps_outbox_spent(outbox, before); /* is no epoch's */
    cps_outbox_enter(outbox, CPS_PHASE_OTHER);
    self->begun = true;
    CPS_TRY(grant_ahead(self, outbox));
    /* A run that was saved as complete as can be has but its model to write. */
    return self->epoch == self->plan.epochs ? read_model(self, outbox) : CPS_OK;
}

/* Of the keys being read those on server are first, first + servers, …, counted from read_key; returns how
 * many. */
static uint32_t rows_on(const struct cps_coordinator *self, uint32_t server, uint32_t *first)
{
    uint32_t servers = self->plan.servers;
    *first = (server + servers - self->read_key % servers) % servers;
    return *first < self->read_count ? (self->read_count - *first - 1) / servers + 1 : 0;
}

/* Asks the servers for the next rows of the model. */
static enum cps_status read_model(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint32_t servers = self->plan.servers, left = cps_plan_keys(&self->plan) - self->read_key;
    struct cps_message *exchange;
    self->read_count = left < READ_ROWS ? left : READ_ROWS;
    self->awaited = servers;
    self->ticket++;
    for (uint32_t server = 0; server < servers; server++) {
        uint32_t first, rows = rows_on(self, server, &first);
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_EXCHANGE, 1 + server, rows * sizeof(uint32_t), &exchange));
        exchange->exchange = (struct cps_exchange){.step = cps_plan_steps_per_epoch(&self->plan) * self->epoch,
                                                   .ticket = self->ticket,
                                                   .read_rows = rows};
        uint32_t *keys = rows ? (uint32_t *)(void *)exchange->payload->data : NULL;
        for (uint32_t i = 0; i < rows; i++)
            keys[i] = self->read_key + first + i * servers;
    }
    return CPS_OK;
}

static enum cps_status stop_all(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_message *stop;
    for (uint32_t node = 1; node < self->nodes; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_STOP, node, 0, &stop));
        stop->end.status = CPS_OK;
    }
    self->stopped = true;
    return CPS_OK;
}

/* Lets the servers go on from the end of the epoch that is over. */
static enum cps_status pass_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_message *pass;
    for (uint32_t node = 1; self->plan.reads_epochs && node <= self->plan.servers; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_PASS, node, 0, &pass));
        pass->pass.step = cps_plan_steps_per_epoch(&self->plan) * self->epoch;
    }
    return CPS_OK;
}

/* An epoch is over that is not the last. */
static enum cps_status leave_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    if (!self->plan.reads_epochs || !self->observer.wants_epoch(self->observer.context))
        return pass_epoch(self, outbox);
    self->reads_epoch = true;
    self->read_key = 0;
    return read_model(self, outbox);
}

/* Some rows of the model after an epoch are here. */
static enum cps_status epoch_rows_read(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    CPS_TRY(self->observer.on_epoch_rows(self->observer.context, self->read_key, self->read_count, self->rows));
    self->read_key += self->read_count;
    if (self->read_key < cps_plan_keys(&self->plan))
        return read_model(self, outbox);
    self->reads_epoch = false;
    self->read_key = 0;
    if (self->interrupted)
        return cps_fail(CPS_ERR_INTERRUPTED, "interrupted");
    return pass_epoch(self, outbox);
}

static enum cps_status on_rows(struct cps_coordinator *self, struct cps_message *message,
                               struct cps_outbox *outbox)
{
    uint32_t servers = self->plan.servers, server = message->from - 1, width = cps_plan_row_width(&self->plan);
    if (server >= servers)
        return stray(message);
    CPS_TRY(cps_message_check(message, width));
    uint32_t first, rows = rows_on(self, server, &first);
    if (message->rows.ticket != self->ticket || message->rows.rows != rows ||
        self->heard[message->from].ticket == self->ticket)
        return cps_fail(CPS_ERR_PEER, "server %u sent rows that match no outstanding read", server);
    self->heard[message->from].ticket = self->ticket;
    for (uint32_t i = 0; i < rows; i++)
        memcpy(self->rows + (size_t)(first + i * servers) * width,
               message->payload->data + (size_t)i * width * sizeof(float), width * sizeof(float));
    if (--self->awaited > 0)
        return CPS_OK;
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    if (self->reads_epoch)
        return epoch_rows_read(self, outbox);
    CPS_TRY(self->observer.on_rows(self->observer.context, self->read_key, self->read_count, self->rows));
    self->next = NEXT_ROWS;
    return go_on(self, outbox);
}

/* The observer has done with the last rows: more of them, or the end. */
static enum cps_status rows_done(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    self->read_key += self->read_count;
    if (self->read_key < cps_plan_keys(&self->plan))
        return read_model(self, outbox);
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    CPS_TRY(self->observer.on_complete(self->observer.context));
    self->next = NEXT_STOP;
    return go_on(self, outbox);
}

static enum cps_status go_on(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    enum next_step next = self->next;
    bool busy = false;
    if (self->observer.poll)
        CPS_TRY(self->observer.poll(self->observer.context, &busy));
    if (busy)
        return CPS_OK;
    self->next = NEXT_NOTHING;
    switch (next) {
    case NEXT_NOTHING:
        break;
    case NEXT_GRANTS:
        return begin_training(self, outbox);
    case NEXT_ROWS:
        return rows_done(self, outbox);
    case NEXT_STOP:
        return stop_all(self, outbox);
    }
    return CPS_OK;
}

/* What a checkpoint of now would say, if one is due. */
static enum cps_status mark_if_due(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    if (!cps_saves_wants_mark(&self->saves, self->finished))
        return CPS_OK;
    const struct cps_save_mark mark = {.step = self->finished,
                                       .average = self->average,
                                       .epoch_loss = self->epoch_loss,
                                       .epoch_ratings = self->epoch_ratings,
                                       .epochs = self->epoch};
    return cps_saves_mark(&self->saves, mark, outbox);
}

/* A server begins in the middle of the run. */
static enum cps_status on_fetch(struct cps_coordinator *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    const struct cps_state *asked = &message->state;
    uint32_t servers = self->plan.servers, server = message->from - 1,
             words = cps_plan_state_words(&self->plan);
    struct cps_message *state;
    if (!self->restart.rows || server >= servers || asked->step != self->plan.first_step || asked->rows == 0 ||
        asked->rows > MOST_STATE_ROWS || asked->first_row > cps_plan_server_rows(&self->plan, server) ||
        asked->rows > cps_plan_server_rows(&self->plan, server) - asked->first_row)
        return stray(message);
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_STATE, message->from,
                           (size_t)asked->rows * words * sizeof(uint32_t), &state));
    state->state = *asked;
    state->state.words = words;
    self->restart.rows(self->restart.context, server + asked->first_row * servers, servers, asked->rows,
                       (uint32_t *)(void *)state->payload->data);
    return CPS_OK;
}

/* What is told as train_loss so far: fastai's average of step losses, or, where steps are sub-epochs, the mean
 * over the epoch's ratings. */
static double train_loss(const struct cps_coordinator *self)
{
    if (self->plan.solver == CPS_SOLVER_BLOCK)
        return cps_loss_value(self->epoch_loss) / (double)(self->epoch_ratings ? self->epoch_ratings : 1);
    return self->average / (1.0 - cps_power(SMOOTHING, self->finished));
}

static void add_to_average(struct cps_coordinator *self, double loss, cps_int128 sum, uint64_t ratings)
{
    self->average = SMOOTHING * self->average + (1.0 - SMOOTHING) * loss;
    self->epoch_loss = cps_loss_add(self->epoch_loss, sum);
    self->epoch_ratings += ratings;
}

/* The losses of steps that all workers have reported. */
static enum cps_status finish_steps(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_step_result result;
    cps_int128 sum;
    uint64_t ratings;
    uint64_t limit = cps_plan_steps_per_epoch(&self->plan) * (self->epoch + 1);
    while (self->finished < limit &&
           cps_losses_take(&self->losses, self->plan.workers, &result.step, &sum, &ratings)) {
        if (self->plan.solver == CPS_SOLVER_BATCH)
            ratings = self->plan.batch_size;
        result.hyper = cps_schedule_at(&self->plan, result.step);
        result.loss = cps_loss_value(sum) / (double)(ratings > 0 ? ratings : 1);
        add_to_average(self, result.loss, sum, ratings);
        self->finished++;
        result.smoothed = train_loss(self);
        CPS_TRY(self->observer.on_step(self->observer.context, &result));
        CPS_TRY(mark_if_due(self, outbox));
    }
    return CPS_OK;
}

static bool epoch_is_complete(const struct cps_coordinator *self)
{
    return self->epoch < self->plan.epochs &&
           self->finished == cps_plan_steps_per_epoch(&self->plan) * (self->epoch + 1) &&
           self->epoch_sum[self->epoch].reports == self->plan.workers;
}

/* Where the time of the epoch went. A server's word that comes late counts for the next. */
static void add_up_times(struct cps_coordinator *self, struct cps_outbox *outbox, double spent_s[CPS_PHASES])
{
    uint64_t own_ns[CPS_PHASES];
    cps_outbox_spent(outbox, own_ns);
    for (int phase = 0; phase < CPS_PHASES; phase++)
        spent_s[phase] = (double)self->epoch_sum[self->epoch].spent_ns[phase] * 1e-9 / self->plan.workers;
    spent_s[CPS_PHASE_OPTIMIZER] = (double)self->optimizer_ns * 1e-9 / self->plan.servers;
    spent_s[CPS_PHASE_SNAPSHOT] = (double)self->snapshot_ns * 1e-9 / self->plan.servers;
    spent_s[CPS_PHASE_SAVE] = (double)own_ns[CPS_PHASE_SAVE] * 1e-9 + spent_s[CPS_PHASE_SNAPSHOT];
    self->snapshot_ns = 0;
    self->optimizer_ns = 0;
}

static enum cps_status finish_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    const struct epoch_sum *sum = &self->epoch_sum[self->epoch];
    struct cps_epoch_result result = {.epoch = self->epoch, .has_valid = sum->valid_count > 0};
    result.train_loss = train_loss(self);
    self->epoch_loss = 0;
    self->epoch_ratings = 0;
    if (result.has_valid) {
        result.valid_loss = cps_loss_value(sum->valid.squared) / (double)sum->valid_count;
        result.valid_mae = cps_loss_value(sum->valid.absolute) / (double)sum->valid_count;
    }
    add_up_times(self, outbox, result.spent_s);
    self->epoch++;
    return self->observer.on_epoch(self->observer.context, &result);
}

/* Ends a run that diverged once every worker's last word on it is here. Of the last epoch's validation no
 * step follows that others could report. */
static enum cps_status end_if_diverged(const struct cps_coordinator *self)
{
    const struct cps_divergence *divergence = &self->divergence;
    if (divergence->what == CPS_DIVERGED_NOT)
        return CPS_OK;
    uint32_t heard = divergence->step == cps_plan_steps(&self->plan)
                         ? self->epoch_sum[self->plan.epochs - 1].reports
                         : cps_losses_reports(&self->losses, divergence->step, self->plan.workers);
    if (heard + divergence->mute < self->plan.workers)
        return CPS_OK;
    CPS_TRY(self->observer.on_diverged(self->observer.context, divergence->step));
    return cps_divergence_fail(divergence, &self->plan);
}

/* A server's report: times, or that it diverged, and nothing that could be mistaken for a loss. */
static enum cps_status on_server_report(struct cps_coordinator *self, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    if (report->steps || report->has_valid ||
        (report->diverged &&
         (report->diverged != CPS_DIVERGED_UPDATE || report->diverged_step >= self->granted)))
        return stray(message);
    self->optimizer_ns += report->spent_ns[CPS_PHASE_OPTIMIZER];
    self->snapshot_ns += report->spent_ns[CPS_PHASE_SNAPSHOT];
    if (!report->diverged)
        return CPS_OK;
    CPS_TRY(cps_divergence_add(&self->divergence, report));
    return end_if_diverged(self);
}

/* A worker diverges at a step whose rows it has: the last one it reports, or the one behind that. */
static bool diverges_in_turn(const struct cps_report *report)
{
    uint64_t next = report->first_step + report->steps;
    return report->diverged_step + (report->diverged == CPS_DIVERGED_UPDATE) == next;
}

/* A worker reports every step once, in order, none before it is granted, and an epoch's validation once all
 * its steps are reported. It has leave for no more than was granted here, however late others report. */
static enum cps_status check_report(struct cps_coordinator *self, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    struct heard *worker = &self->heard[message->from];
    if (report->steps && (report->first_step != worker->steps || report->steps > self->granted - worker->steps))
        return cps_fail(CPS_ERR_PEER, "node %u reported steps that are not its next ones, or not granted",
                        message->from);
    worker->steps += report->steps;
    if (!report->has_valid)
        return CPS_OK;
    if (report->epoch != worker->epochs || report->epoch >= self->plan.epochs ||
        worker->steps < cps_plan_steps_per_epoch(&self->plan) * (worker->epochs + (uint64_t)1))
        return cps_fail(CPS_ERR_PEER, "node %u reported the validation of epoch %u, which is not its next one",
                        message->from, report->epoch);
    worker->epochs++;
    return CPS_OK;
}

static enum cps_status add_losses(struct cps_coordinator *self, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    const struct cps_loss_sum *sums = (const struct cps_loss_sum *)(const void *)message->payload->data;
    const uint64_t *ratings = (const uint64_t *)(const void *)(sums + report->steps);
    return cps_losses_add(&self->losses, report->first_step, report->steps, sums,
                          report->counted ? ratings : NULL);
}

static enum cps_status on_report(struct cps_coordinator *self, const struct cps_message *message,
                                 struct cps_outbox *outbox)
{
    const struct cps_report *report = &message->report;
    CPS_TRY(cps_message_check(message, 0));
    if (message->from <= self->plan.servers)
        return on_server_report(self, message);
    CPS_TRY(check_report(self, message));
    if (report->diverged && !diverges_in_turn(report))
        return stray(message);
    if (report->steps)
        CPS_TRY(add_losses(self, message));
    if (report->has_valid) {
        struct epoch_sum *sum = &self->epoch_sum[report->epoch];
        sum->valid.squared = cps_loss_add(sum->valid.squared, cps_loss_sum_value(report->valid_sum));
        sum->valid.absolute = cps_loss_add(sum->valid.absolute, cps_loss_sum_value(report->valid_absolute));
        sum->valid_count += report->valid_count;
        sum->reports++;
        for (int phase = 0; phase < CPS_PHASES; phase++)
            sum->spent_ns[phase] += report->spent_ns[phase];
    }
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    CPS_TRY(finish_steps(self, outbox));
    while (epoch_is_complete(self)) {
        CPS_TRY(finish_epoch(self, outbox));
        CPS_TRY(finish_steps(self, outbox));
        if (self->epoch == self->plan.epochs) {
            cps_saves_let_end(&self->saves);
            return read_model(self, outbox);
        }
        CPS_TRY(leave_epoch(self, outbox));
    }
    cps_outbox_enter(outbox, CPS_PHASE_OTHER);
    if (report->diverged)
        CPS_TRY(cps_divergence_add(&self->divergence, report));
    CPS_TRY(end_if_diverged(self));
    return grant_ahead(self, outbox);
}

static enum cps_status on_kept(struct cps_coordinator *self, const struct cps_message *message,
                               struct cps_outbox *outbox)
{
    CPS_TRY(cps_message_check(message, 0));
    CPS_TRY(cps_saves_on_kept(&self->saves, message, self->finished, outbox));
    return mark_if_due(self, outbox);
}

/* A run that has trained all its steps goes on to its end; one that cannot be saved just ends. */
static enum cps_status on_interrupt(void *context, enum cps_interrupt what, struct cps_outbox *outbox)
{
    struct cps_coordinator *self = context;
    bool stop = what == CPS_INTERRUPT_STOP;
    if (stop && self->stop_asked)
        return CPS_OK;
    self->stop_asked |= stop;
    if (stop && self->reads_epoch && !cps_saves_possible(&self->saves)) {
        self->interrupted = true;
        return CPS_OK;
    }
    if (!self->begun || !cps_saves_possible(&self->saves))
        return stop ? cps_fail(CPS_ERR_INTERRUPTED, "interrupted") : CPS_OK;
    return self->epoch < self->plan.epochs ? cps_saves_ask(&self->saves, stop, outbox) : CPS_OK;
}

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_coordinator *self = context;
    self->heard_ns[message->from] = self->now_ns;
    switch (message->kind) {
    case CPS_MESSAGE_HELLO:
        return on_hello(self, message, outbox);
    case CPS_MESSAGE_READY:
        return on_ready(self, message, outbox);
    case CPS_MESSAGE_REPORT:
        return on_report(self, message, outbox);
    case CPS_MESSAGE_ROWS:
        return on_rows(self, message, outbox);
    case CPS_MESSAGE_FETCH:
        return on_fetch(self, message, outbox);
    case CPS_MESSAGE_KEPT:
        return on_kept(self, message, outbox);
    case CPS_MESSAGE_STATE:
        if (!cps_saves_possible(&self->saves))
            return stray(message);
        return cps_saves_on_state(&self->saves, message, outbox);
    case CPS_MESSAGE_FAIL:
        /* That a rank was told to end concerns the run, and is no failure of the node. */
        return message->end.status == CPS_ERR_INTERRUPTED ? on_interrupt(self, CPS_INTERRUPT_STOP, outbox)
                                                          : cps_message_end(message);
    case CPS_MESSAGE_HEARTBEAT:
        return CPS_OK;
    default:
        return stray(message);
    }
}

static enum cps_status fail_silent(const struct cps_coordinator *self, uint32_t node, uint64_t silence_ns)
{
    char name[CPS_ROUTE_NAME_BYTES];
    bool is_server = node <= self->plan.servers;
    if (self->route)
        cps_route_name(self->route, node, name);
    else
        snprintf(name, sizeof name, "%s %u", is_server ? "server" : "worker",
                 is_server ? node - 1 : node - 1 - self->plan.servers);
    return cps_fail(CPS_ERR_PEER, "nothing was heard from %s for %.*f s", name, silence_ns < 10000000000u,
                    (double)silence_ns * 1e-9);
}

/* Fails the run when a node exceeds the peer timeout. */
static enum cps_status on_tick(void *context, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct cps_coordinator *self = context;
    bool first = self->now_ns == 0;
    self->now_ns = now_ns;
    for (uint32_t node = 1; node < self->nodes; node++) {
        if (first)
            self->heard_ns[node] = now_ns;
        uint64_t silence = now_ns - self->heard_ns[node];
        if (self->peer_timeout_ns != 0 && silence >= self->peer_timeout_ns)
            return fail_silent(self, node, silence);
    }
    CPS_TRY(go_on(self, outbox));
    return cps_saves_on_tick(&self->saves, outbox);
}

static bool done(const void *context)
{
    const struct cps_coordinator *self = context;
    return self->stopped;
}

/* The worker that holds up the epoch: the one with the fewest steps, or that has yet to validate. */
static void awaits_reports(const struct cps_coordinator *self, struct cps_awaited *out)
{
    uint32_t slowest = 1 + self->plan.servers;
    for (uint32_t node = slowest; node < self->nodes; node++) {
        const struct heard *this = &self->heard[node], *least = &self->heard[slowest];
        if (this->steps < least->steps || (this->steps == least->steps && this->epochs < least->epochs))
            slowest = node;
    }
    bool validates =
        self->heard[slowest].steps == cps_plan_steps_per_epoch(&self->plan) * (self->epoch + (uint64_t)1);
    out->node = slowest;
    out->what = validates ? "the validation of epoch" : "the losses of step";
    out->numbered = true;
    out->number = validates ? self->epoch : self->heard[slowest].steps;
}

static bool busy(const void *context)
{
    const struct cps_coordinator *self = context;
    return self->next != NEXT_NOTHING;
}

static bool awaits(const void *context, struct cps_awaited *out)
{
    const struct cps_coordinator *self = context;
    uint32_t node = 1, last = self->nodes - 1;
    *out = (struct cps_awaited){.patience = CPS_PATIENCE_COORDINATOR};
    if (self->stopped)
        return false;
    if (self->next != NEXT_NOTHING) /* the disk is awaited, and no node */
        return false;
    if (self->ready == last && self->epoch < self->plan.epochs && !self->reads_epoch) {
        awaits_reports(self, out);
        return true;
    }
    if (self->greeted < last) {
        for (out->what = "a greeting"; self->heard[node].hello;)
            node++;
    } else if (self->ready < last) {
        for (out->what = "word that it is ready"; self->heard[node].ready;)
            node++;
    } else if (self->awaited) {
        for (out->what = "rows of the model"; self->heard[node].ticket == self->ticket;)
            node++;
    } else {
        return false;
    }
    out->node = node;
    return true;
}

struct cps_role cps_coordinator_role(struct cps_coordinator *self)
{
    static const struct cps_role_ops ops = {.on_message = on_message,
                                            .on_tick = on_tick,
                                            .on_interrupt = on_interrupt,
                                            .done = done,
                                            .awaits = awaits,
                                            .busy = busy};
    return (struct cps_role){.ops = &ops, .self = self, .node = 0};
}
