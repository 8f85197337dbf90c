/*
 * The coordinator's state machine; see coordinator.h.
 *
 * Steps are granted in blocks of CPS_BLOCK_STEPS, far enough ahead that no server ever
 * waits for a grant.
 */
#include "server/coordinator/coordinator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/model/steps.h"
#include "server/coordinator/curve.h"
#include "server/coordinator/divergence.h"
#include "server/coordinator/model_reader.h"
#include "server/coordinator/nodes.h"

enum { MOST_STATE_ROWS = 65536 }; /* most rows in one request of a server */

/* What follows once the observer is no longer busy. */
enum next_step { NEXT_NOTHING, NEXT_GRANTS, NEXT_ROWS, NEXT_STOP };

struct cps_coordinator {
    struct cps_plan plan;
    uint8_t fingerprint[CPS_SHA256_BYTES];
    struct cps_observer observer;
    struct cps_nodes nodes;
    struct cps_start_result start;
    uint64_t train_count, valid_count; /* ratings that the workers hold */
    uint64_t granted;                  /* steps */
    struct cps_curve curve;
    struct cps_divergence divergence;
    struct cps_saves saves;
    struct cps_restart restart; /* rows NULL: from the beginning */
    struct cps_model_reader reader;
    bool reads_epoch; /* reading the model after an epoch that is not the last */
    bool interrupted; /* end once the model is read */
    enum next_step next;
    bool stop_asked; /* by the user, on any rank */
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
    self->plan.reads_epochs = observer->wants_epoch || observer->ends_early;
    self->observer = *observer;
    memcpy(self->fingerprint, fingerprint, CPS_SHA256_BYTES);
    enum cps_status status = cps_nodes_init(&self->nodes, &self->plan, peer_timeout_ns);
    if (status == CPS_OK)
        status = cps_curve_init(&self->curve, &self->plan);
    if (status == CPS_OK)
        status = cps_model_reader_init(&self->reader, &self->plan);
    if (status != CPS_OK) {
        cps_coordinator_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_coordinator_name_nodes(struct cps_coordinator *self, const struct cps_route *route)
{
    self->nodes.route = route;
}

void cps_coordinator_destroy(struct cps_coordinator **out)
{
    struct cps_coordinator *self = *out;
    if (!self)
        return;
    cps_nodes_release(&self->nodes);
    cps_curve_release(&self->curve);
    cps_model_reader_release(&self->reader);
    cps_saves_release(&self->saves);
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
        return cps_fail(CPS_ERR_DATA, "the checkpoint of step %llu with %u epochs does not belong to this run",
                        (unsigned long long)mark->step, mark->epochs);
    self->restart = *restart;
    self->plan.first_step = mark->step;
    self->plan.validates_first = mark->epochs < ended;
    cps_nodes_begin_at(&self->nodes, mark->step, mark->epochs);
    cps_curve_begin_at(&self->curve, mark);
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
    if (!cps_nodes_greet(&self->nodes, message->from))
        return stray(message);
    CPS_TRY(check_data(self, message));
    if (!cps_nodes_all_greeted(&self->nodes))
        return CPS_OK;
    if (self->train_count != self->plan.train_count || self->valid_count != self->plan.valid_count)
        return cps_fail(CPS_ERR_INTERNAL, "the workers hold %llu + %llu ratings of %llu + %llu",
                        (unsigned long long)self->train_count, (unsigned long long)self->valid_count,
                        (unsigned long long)self->plan.train_count, (unsigned long long)self->plan.valid_count);
    for (uint32_t node = 1; node < self->nodes.count; node++) {
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
    for (uint32_t node = 1; node < self->nodes.count; node++) {
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

/* Grants steps to the end of the next epoch, and at least two blocks beyond the slowest report. */
static enum cps_status grant_ahead(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t total = cps_plan_steps(&self->plan);
    uint64_t wanted = cps_plan_steps_per_epoch(&self->plan) * (self->curve.epoch + 2);
    uint64_t two_blocks = self->curve.finished + (uint64_t)2 * CPS_BLOCK_STEPS;
    if (wanted < two_blocks)
        wanted = two_blocks;
    while (self->granted < wanted && self->granted < total)
        CPS_TRY(grant_block(self, outbox));
    return CPS_OK;
}

static enum cps_status go_on(struct cps_coordinator *self, struct cps_outbox *outbox);

static enum cps_status on_ready(struct cps_coordinator *self, const struct cps_message *message,
                                struct cps_outbox *outbox)
{
    if (!cps_nodes_all_greeted(&self->nodes) || !cps_nodes_make_ready(&self->nodes, message->from))
        return stray(message);
    if (!cps_nodes_all_ready(&self->nodes))
        return CPS_OK;
    if (self->restart.done)
        self->restart.done(self->restart.context);
    self->restart.rows = NULL;
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    CPS_TRY(self->observer.on_start(self->observer.context, &self->start));
    self->next = NEXT_GRANTS;
    return go_on(self, outbox);
}

/* Begins to read the model as it is after the finished epochs. */
static enum cps_status read_model(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t step = cps_plan_steps_per_epoch(&self->plan) * self->curve.epoch;
    return cps_model_reader_begin(&self->reader, step, outbox);
}

/* Lets the servers continue after the end of the finished epoch. */
static enum cps_status pass_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_message *pass;
    for (uint32_t node = 1; self->plan.reads_epochs && node <= self->plan.servers; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_PASS, node, 0, &pass));
        pass->pass.step = cps_plan_steps_per_epoch(&self->plan) * self->curve.epoch;
    }
    return CPS_OK;
}

/* Makes the finished epoch the last one if the observer asks for it. The servers wait at its end. */
static void end_early_if_wanted(struct cps_coordinator *self)
{
    const struct cps_observer *observer = &self->observer;
    if (self->curve.epoch > 0 && !cps_curve_is_complete(&self->curve) && observer->ends_early &&
        observer->ends_early(observer->context))
        cps_curve_end_early(&self->curve);
}

/* Whether the run resumes at the end of a validated epoch, where the servers wait as well. */
static bool begins_after_epoch(const struct cps_coordinator *self)
{
    uint64_t first_step = self->plan.first_step;
    return first_step > 0 && first_step == cps_plan_steps_per_epoch(&self->plan) * self->curve.epoch;
}

static enum cps_status begin_training(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    uint64_t before[CPS_PHASES];
    cps_outbox_spent(outbox, before); /* time before the first epoch is not counted */
    cps_outbox_enter(outbox, CPS_PHASE_OTHER);
    self->begun = true;
    CPS_TRY(grant_ahead(self, outbox));
    /* A run resumed from a checkpoint at its very end has only its model left to write. */
    end_early_if_wanted(self);
    if (cps_curve_is_complete(&self->curve))
        return read_model(self, outbox);
    return begins_after_epoch(self) ? pass_epoch(self, outbox) : CPS_OK;
}

static enum cps_status stop_all(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_message *stop;
    for (uint32_t node = 1; node < self->nodes.count; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_STOP, node, 0, &stop));
        stop->end.status = CPS_OK;
    }
    self->stopped = true;
    return CPS_OK;
}

/* Continues after an epoch that is not the last. */
static enum cps_status leave_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    if (!self->observer.wants_epoch || !self->observer.wants_epoch(self->observer.context))
        return pass_epoch(self, outbox);
    self->reads_epoch = true;
    return read_model(self, outbox);
}

/* Passes rows of the model after an epoch to the observer. */
static enum cps_status epoch_rows_read(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    const struct cps_model_reader *part = &self->reader;
    bool more;
    CPS_TRY(self->observer.on_epoch_rows(self->observer.context, part->first_key, part->count, part->rows));
    CPS_TRY(cps_model_reader_next(&self->reader, outbox, &more));
    if (more)
        return CPS_OK;
    self->reads_epoch = false;
    if (self->interrupted)
        return cps_fail(CPS_ERR_INTERRUPTED, "interrupted");
    return pass_epoch(self, outbox);
}

static enum cps_status on_rows(struct cps_coordinator *self, struct cps_message *message,
                               struct cps_outbox *outbox)
{
    const struct cps_model_reader *part = &self->reader;
    bool complete;
    if (message->from > self->plan.servers && self->plan.solver != CPS_SOLVER_BLOCK)
        return stray(message);
    CPS_TRY(cps_message_check(message, cps_plan_row_width(&self->plan)));
    CPS_TRY(cps_model_reader_on_rows(&self->reader, message, &complete));
    if (!complete)
        return CPS_OK;
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    if (self->reads_epoch)
        return epoch_rows_read(self, outbox);
    CPS_TRY(self->observer.on_rows(self->observer.context, part->first_key, part->count, part->rows));
    self->next = NEXT_ROWS;
    return go_on(self, outbox);
}

/* The observer has finished with the last rows: reads more rows, or ends. */
static enum cps_status rows_done(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    bool more;
    CPS_TRY(cps_model_reader_next(&self->reader, outbox, &more));
    if (more)
        return CPS_OK;
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
    if (busy || (next == NEXT_STOP && !cps_saves_are_quiet(&self->saves)))
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

static enum cps_status mark_if_due(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    if (!cps_saves_wants_mark(&self->saves, self->curve.finished))
        return CPS_OK;
    return cps_saves_mark(&self->saves, cps_curve_mark(&self->curve), outbox);
}

/* A server fetches its rows, since the run begins with a later step than the first. */
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

/* Tells the observer of the current epoch's steps that all workers have reported. */
static enum cps_status finish_steps(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_step_result result;
    while (cps_curve_take_step(&self->curve, &result)) {
        CPS_TRY(self->observer.on_step(self->observer.context, &result));
        CPS_TRY(mark_if_due(self, outbox));
    }
    return CPS_OK;
}

static enum cps_status finish_epoch(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    struct cps_epoch_result result;
    uint64_t own_ns[CPS_PHASES];
    cps_outbox_spent(outbox, own_ns);
    cps_curve_take_epoch(&self->curve, own_ns[CPS_PHASE_SAVE], &result);
    return self->observer.on_epoch(self->observer.context, &result);
}

/* Tells the observer of all steps and epochs that the last report completed, and begins what follows. */
static enum cps_status advance(struct cps_coordinator *self, struct cps_outbox *outbox)
{
    CPS_TRY(finish_steps(self, outbox));
    while (cps_curve_epoch_is_complete(&self->curve)) {
        CPS_TRY(finish_epoch(self, outbox));
        end_early_if_wanted(self);
        CPS_TRY(finish_steps(self, outbox));
        if (!cps_curve_is_complete(&self->curve)) {
            CPS_TRY(leave_epoch(self, outbox));
            continue;
        }
        cps_saves_let_end(&self->saves);
        return read_model(self, outbox);
    }
    cps_outbox_enter(outbox, CPS_PHASE_OTHER);
    return CPS_OK;
}

/* Ends a run that diverged once every worker has sent its last report on it. After the validation of the last
 * epoch there is no further step that others could report. */
static enum cps_status end_if_diverged(const struct cps_coordinator *self)
{
    const struct cps_divergence *divergence = &self->divergence;
    if (divergence->what == CPS_DIVERGED_NOT)
        return CPS_OK;
    uint32_t heard = cps_curve_reports(&self->curve, divergence->step);
    if (heard + divergence->mute < self->plan.workers)
        return CPS_OK;
    CPS_TRY(self->observer.on_diverged(self->observer.context, divergence->step));
    return cps_divergence_fail(divergence, &self->plan);
}

/* Checks a server's report: it has times, or tells of divergence, and has nothing that could be taken for a
 * loss. */
static enum cps_status on_server_report(struct cps_coordinator *self, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    if (report->steps || report->has_valid ||
        (report->diverged &&
         (report->diverged != CPS_DIVERGED_UPDATE || report->diverged_step >= self->granted)))
        return stray(message);
    cps_curve_add_server(&self->curve, report);
    if (!report->diverged || cps_curve_is_complete(&self->curve))
        return CPS_OK;
    CPS_TRY(cps_divergence_add(&self->divergence, report));
    return end_if_diverged(self);
}

/* A worker diverges at a step whose rows it has: the last one it reports, or the one after that. */
static bool diverges_in_turn(const struct cps_report *report)
{
    uint64_t next = report->first_step + report->steps;
    return report->diverged_step + (report->diverged == CPS_DIVERGED_UPDATE) == next;
}

static enum cps_status on_report(struct cps_coordinator *self, const struct cps_message *message,
                                 struct cps_outbox *outbox)
{
    const struct cps_report *report = &message->report;
    CPS_TRY(cps_message_check(message, 0));
    if (message->from <= self->plan.servers)
        return on_server_report(self, message);
    CPS_TRY(cps_nodes_report(&self->nodes, message, self->granted));
    if (report->diverged && !diverges_in_turn(report))
        return stray(message);
    CPS_TRY(cps_curve_add(&self->curve, message));
    cps_outbox_enter(outbox, CPS_PHASE_SAVE);
    CPS_TRY(advance(self, outbox));
    if (cps_curve_is_complete(&self->curve))
        return CPS_OK;
    if (report->diverged)
        CPS_TRY(cps_divergence_add(&self->divergence, report));
    CPS_TRY(end_if_diverged(self));
    return grant_ahead(self, outbox);
}

static enum cps_status on_kept(struct cps_coordinator *self, const struct cps_message *message,
                               struct cps_outbox *outbox)
{
    CPS_TRY(cps_message_check(message, 0));
    CPS_TRY(cps_saves_on_kept(&self->saves, message, self->curve.finished, outbox));
    return mark_if_due(self, outbox);
}

/* Ends an interrupted run that has not begun; if it can be saved, it loses nothing. */
static enum cps_status end_unsaved(const struct cps_coordinator *self)
{
    if (!cps_saves_possible(&self->saves))
        return cps_fail(CPS_ERR_INTERRUPTED, "interrupted");
    return cps_fail(CPS_ERR_PREEMPTED, self->plan.first_step ? CPS_STOPPED_RESUMING : CPS_STOPPED_STARTING);
}

/* A run that has trained all its steps continues to its end; a run that cannot be saved ends at once. */
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
        return stop ? end_unsaved(self) : CPS_OK;
    if (cps_curve_is_complete(&self->curve))
        return CPS_OK;
    return cps_saves_ask(&self->saves, stop, outbox);
}

static enum cps_status on_message(void *context, struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_coordinator *self = context;
    cps_nodes_hear(&self->nodes, message->from);
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
        /* An interrupted rank stops the run; this is not a failure of the node. */
        return message->end.status == CPS_ERR_INTERRUPTED ? on_interrupt(self, CPS_INTERRUPT_STOP, outbox)
                                                          : cps_message_end(message);
    case CPS_MESSAGE_HEARTBEAT:
        return CPS_OK;
    default:
        return stray(message);
    }
}

/* Fails the run when a node exceeds the peer timeout. */
static enum cps_status on_tick(void *context, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct cps_coordinator *self = context;
    CPS_TRY(cps_nodes_on_tick(&self->nodes, now_ns));
    CPS_TRY(go_on(self, outbox));
    /* The model that a stopped run leaves is that of its last epoch, which is read first. */
    if (self->stop_asked && self->reads_epoch)
        return CPS_OK;
    return cps_saves_on_tick(&self->saves, outbox);
}

static bool done(const void *context)
{
    const struct cps_coordinator *self = context;
    return self->stopped;
}

static bool busy(const void *context)
{
    const struct cps_coordinator *self = context;
    return self->next != NEXT_NOTHING;
}

static bool awaits(const void *context, struct cps_awaited *out)
{
    const struct cps_coordinator *self = context;
    *out = (struct cps_awaited){.patience = CPS_PATIENCE_COORDINATOR};
    if (self->stopped || busy(self)) /* waiting for the disk, not for a node */
        return false;
    if (!cps_nodes_all_ready(&self->nodes)) {
        cps_nodes_await_start(&self->nodes, out);
    } else if (!cps_curve_is_complete(&self->curve) && !self->reads_epoch) {
        cps_nodes_await_reports(&self->nodes, self->curve.epoch, out);
    } else if (self->reader.awaited) {
        out->what = "rows of the model";
        out->node = cps_model_reader_awaited(&self->reader);
    } else {
        return false;
    }
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
