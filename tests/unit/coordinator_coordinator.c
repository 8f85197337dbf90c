/* A run that goes well, as the coordinator sees it: start, grants, losses, epochs, end. */
#include <stdio.h>

#include "common/model/exact.h"
#include "common/model/steps.h"
#include "tests/unit/coordinator_rig.h"

static void the_start_goes_by_the_book(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    for (uint32_t node = NODES - 1; node >= 1; node--) {
        check_int(rig.post.outbox.count, 0, "messages before the last hello");
        check_ok(say(&rig, hello_of(&rig, node)));
    }
    check_int(count_sent(&rig, CPS_MESSAGE_PLAN), NODES - 1, "plans");
    assert_memory_equal(&rig.post.outbox.messages[0].plan, &rig.plan, sizeof rig.plan);
    post_clear(&rig.post);
    for (uint32_t node = 1; node < NODES; node++) {
        check_int(rig.told.starts, 0, "starts before the last is ready");
        check_ok(say(&rig, message_from(&rig.post, CPS_MESSAGE_READY, node, 0)));
    }
    check_int(rig.told.starts, 1, "starts");
    check_int(rig.told.sample_bytes, 1000 * WORKERS, "bytes of samples");
    check_int(count_sent(&rig, CPS_MESSAGE_GRANT), NODES - 1, "grants");
    const struct cps_message *grant = &rig.post.outbox.messages[0];
    check_int(grant->grant.first_step, 0, "first step granted");
    check_int(grant->grant.steps, STEPS * EPOCHS, "steps granted");
    const double *lr = (const double *)(const void *)grant->payload->data, *momentum = lr + grant->grant.steps;
    for (uint32_t i = 0; i < grant->grant.steps; i++) {
        struct cps_hyper hyper = cps_schedule_at(&rig.plan, i);
        check_near(lr[i], hyper.lr, 0.0, "lr of step %u", i);
        check_near(momentum[i], hyper.momentum, 0.0, "momentum of step %u", i);
    }
    rig_release(&rig);
}

static void grants_come_in_whole_blocks(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin_long(&rig);
    uint64_t granted[NODES] = {0};
    for (size_t i = 0; i < rig.post.outbox.count; i++) {
        const struct cps_message *grant = &rig.post.outbox.messages[i];
        check_int(grant->grant.first_step, granted[grant->to], "first step");
        check_int(grant->grant.steps, grant->grant.first_step == 2048 ? 2100 - 2048 : CPS_BLOCK_STEPS, "steps");
        granted[grant->to] += grant->grant.steps;
    }
    for (uint32_t node = 1; node < NODES; node++)
        assert_in_range(granted[node], 1400, 2100);
    rig_release(&rig);
}

/* Reports of any size, workers in any order: the same curve. */
static void losses_come_out_in_order(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < 6; order++) {
        struct rig rig;
        uint64_t reported[WORKERS] = {0};
        rig_begin(&rig, 0);
        for (uint64_t round = 0; rig.told.steps < STEPS; round++) {
            uint32_t worker = (uint32_t)test_below(order, round, WORKERS);
            uint64_t left = STEPS - reported[worker], steps = 1 + test_below(9 + order, round, 12);
            steps = steps < left ? steps : left;
            if (steps)
                check_ok(say(&rig, report_of(&rig, worker, reported[worker], (uint32_t)steps, -1)));
            reported[worker] += steps;
        }
        double average = 0.0;
        for (uint64_t step = 0; step < STEPS; step++) {
            const struct cps_step_result *got = &rig.told.step[step];
            double loss = (loss_of(0, step) + loss_of(1, step) + loss_of(2, step)) / 8.0;
            average = 0.98 * average + 0.02 * loss;
            check_int(got->step, step, "step");
            check_near(got->loss, loss, 0.0, "loss of step %lu", (unsigned long)step);
            check_near(got->smoothed, average / (1.0 - pow(0.98, (double)step + 1.0)), 1e-13,
                       "smoothed loss of step %lu", (unsigned long)step);
            check_near(got->hyper.lr, cps_schedule_at(&rig.plan, step).lr, 0.0, "lr");
        }
        check_int(rig.told.epochs, 0, "epochs before the validation losses");
        rig_release(&rig);
    }
}

/* Every worker's own order is kept; among them the late may be an epoch behind. */
static void an_epoch_waits_for_all_of_it(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_ok(say(&rig, report_of(&rig, 2, 0, STEPS, 0)));
    check_ok(say(&rig, report_of(&rig, 2, STEPS, STEPS, 1)));
    check_ok(say(&rig, report_of(&rig, 0, 0, STEPS, 0)));
    check_ok(say(&rig, report_of(&rig, 0, STEPS, 10, -1)));
    check_ok(say(&rig, report_of(&rig, 1, 0, STEPS, -1)));
    check_int(rig.told.steps, STEPS, "steps");
    check_int(rig.told.epochs, 0, "epochs");
    check_ok(say(&rig, report_of(&rig, 1, STEPS, 0, 0)));
    check_int(rig.told.epochs, 1, "epochs");
    const struct cps_epoch_result *epoch = &rig.told.epoch[0];
    check_int(epoch->epoch, 0, "epoch");
    check_near(epoch->train_loss, rig.told.step[STEPS - 1].smoothed, 0.0, "train_loss");
    assert_true(epoch->has_valid);
    check_near(epoch->valid_loss, (10.0 + 20.0 + 30.0) / 30.0, 0.0, "valid_loss");
    check_near(epoch->valid_mae, (1.0 + 2.0 + 3.0) / 30.0, 0.0, "valid_mae");
    check_ok(say(&rig, report_of(&rig, 1, STEPS, 20, -1)));
    check_int(rig.told.steps, STEPS + 10, "steps");
    rig_release(&rig);
}

/* Steps of the next epoch do not run ahead of the last one's end. */
static void an_epoch_ends_before_the_next_begins(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS + 10, -1)));
    check_int(rig.told.steps, STEPS, "steps before the validation losses");
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, STEPS + 10, 0, 0)));
    check_int(rig.told.epochs, 1, "epochs");
    check_near(rig.told.epoch[0].train_loss, rig.told.step[STEPS - 1].smoothed, 0.0, "train_loss");
    check_int(rig.told.steps, STEPS + 10, "steps");
    rig_release(&rig);
}

static struct cps_message times_of(struct rig *rig, uint32_t server, uint64_t optimizer_ns)
{
    struct cps_message report = message_from(&rig->post, CPS_MESSAGE_REPORT, 1 + server, 0);
    report.report.spent_ns[CPS_PHASE_OPTIMIZER] = optimizer_ns;
    return report;
}

/* A worker's times go with the epoch it names, a server's with the one that ends next. */
static void times_are_means_over_a_role(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    for (uint32_t server = 0; server < SERVERS; server++)
        check_ok(say(&rig, times_of(&rig, server, 1000000000)));
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        struct cps_message report = report_of(&rig, worker, 0, STEPS, 0);
        report.report.spent_ns[CPS_PHASE_COMPUTE] = (worker + 1) * 1000000000ull;
        report.report.spent_ns[CPS_PHASE_WAIT] = 500000000;
        report.report.spent_ns[CPS_PHASE_VALIDATION] = 250000000;
        check_ok(say(&rig, report));
    }
    check_int(rig.told.epochs, 1, "epochs");
    const double *spent_s = rig.told.epoch[0].spent_s;
    check_near(spent_s[CPS_PHASE_COMPUTE], (WORKERS + 1) / 2.0, 1e-12, "compute");
    check_near(spent_s[CPS_PHASE_WAIT], 0.5, 1e-12, "wait");
    check_near(spent_s[CPS_PHASE_VALIDATION], 0.25, 1e-12, "validation");
    check_near(spent_s[CPS_PHASE_OPTIMIZER], 1.0, 1e-12, "optimizer");
    check_ok(say(&rig, times_of(&rig, 0, SERVERS * 1000000ull)));
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, STEPS, STEPS, 1)));
    check_near(rig.told.epoch[1].spent_s[CPS_PHASE_COMPUTE], 0.0, 0.0, "compute");
    check_near(rig.told.epoch[1].spent_s[CPS_PHASE_OPTIMIZER], 1e-3, 1e-12, "optimizer");
    rig_release(&rig);
}

static void a_server_reports_no_losses(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    struct cps_message report = message_from(&rig.post, CPS_MESSAGE_REPORT, 1, sizeof(struct cps_loss_sum));
    report.report.steps = 1;
    check_fails(say(&rig, report), CPS_ERR_PEER, "node 1 sent the coordinator");
    report = times_of(&rig, 0, 1);
    report.report.has_valid = true;
    check_fails(say(&rig, report), CPS_ERR_PEER, "node 1 sent the coordinator");
    rig_release(&rig);
}

static void the_end_reads_the_model_and_stops_all(void **state)
{
    (void)state;
    struct rig rig;
    rig_finish_training(&rig);
    check_int(rig.told.steps, STEPS * EPOCHS, "steps");
    check_int(rig.told.epochs, EPOCHS, "epochs");
    check_near(rig.told.epoch[1].valid_loss, (11.0 + 21.0 + 31.0) / 30.0, 1e-15, "valid_loss");
    check_int(rig.post.outbox.count, SERVERS, "questions");
    struct cps_message answers[SERVERS];
    for (uint32_t server = 0; server < SERVERS; server++)
        answers[server] = answer_to(&rig, &rig.post.outbox.messages[server]);
    post_clear(&rig.post);
    check_ok(say(&rig, answers[1]));
    check_int(rig.told.completes, 0, "completes");
    check_ok(say(&rig, answers[0]));
    check_int(rig.told.rows, KEYS, "rows");
    for (uint32_t i = 0; i < KEYS * WIDTH; i++)
        check_near((double)rig.told.row[i], i / WIDTH * 100.0 + i % WIDTH, 0.0, "element %u of the model", i);
    check_int(rig.told.completes, 1, "completes");
    check_int(count_sent(&rig, CPS_MESSAGE_STOP), NODES - 1, "stops");
    assert_true(rig.role.ops->done(rig.role.self));
    rig_release(&rig);
}

/* The disk takes its time: before the first grant, for each piece of the model, and for the end. */
static void the_disk_is_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    rig.told.busy = true;
    rig_start(&rig);
    check_ok(rig.role.ops->on_tick(rig.role.self, SECOND, &rig.post.outbox));
    check_int(count_sent(&rig, CPS_MESSAGE_GRANT), 0, "grants while the folder is made");
    rig.told.busy = false;
    check_ok(rig.role.ops->on_tick(rig.role.self, 2 * SECOND, &rig.post.outbox));
    check_int(count_sent(&rig, CPS_MESSAGE_GRANT), NODES - 1, "grants");
    post_clear(&rig.post);
    rig_report_all(&rig);
    struct cps_message answers[SERVERS];
    for (uint32_t server = 0; server < SERVERS; server++)
        answers[server] = answer_to(&rig, &rig.post.outbox.messages[server]);
    post_clear(&rig.post);
    rig.told.busy = true;
    for (uint32_t server = 0; server < SERVERS; server++)
        check_ok(say(&rig, answers[server]));
    check_ok(rig.role.ops->on_tick(rig.role.self, 3 * SECOND, &rig.post.outbox));
    check_int(rig.told.completes, 0, "completes while rows are written");
    check_int(count_sent(&rig, CPS_MESSAGE_STOP), 0, "stops before the model is written");
    assert_true(rig.role.ops->busy(rig.role.self));
    rig.told.busy = false;
    check_ok(rig.role.ops->on_tick(rig.role.self, 4 * SECOND, &rig.post.outbox));
    check_int(rig.told.completes, 1, "completes");
    check_int(count_sent(&rig, CPS_MESSAGE_STOP), NODES - 1, "stops");
    rig_release(&rig);
}

static bool wants_epoch(void *context)
{
    const struct told *told = context;
    return told->wants_epochs;
}

static void rig_finish_epoch(struct rig *self)
{
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(self, report_of(self, worker, 0, STEPS, 0)));
}

static void rig_read(struct rig *self)
{
    struct cps_message answers[SERVERS];
    check_int(count_sent(self, CPS_MESSAGE_EXCHANGE), SERVERS, "questions");
    for (uint32_t server = 0, i = 0; server < SERVERS; i++)
        if (self->post.outbox.messages[i].kind == CPS_MESSAGE_EXCHANGE) {
            check_int(self->post.outbox.messages[i].exchange.step, STEPS, "step");
            answers[server++] = answer_to(self, &self->post.outbox.messages[i]);
        }
    check_int(count_sent(self, CPS_MESSAGE_PASS), 0, "passes before the rows are here");
    post_clear(&self->post);
    for (uint32_t server = 0; server + 1 < SERVERS; server++)
        check_ok(say(self, answers[server]));
    self->last_answer = answers[SERVERS - 1];
}

static void rig_read_epoch(struct rig *self, bool wanted)
{
    rig_begin_observed(self, wants_epoch);
    self->told.wants_epochs = wanted;
    rig_finish_epoch(self);
}

static void an_epoch_is_read_before_it_is_passed(void **state)
{
    (void)state;
    struct rig rig;
    rig_read_epoch(&rig, true);
    rig_read(&rig);
    check_ok(say(&rig, rig.last_answer));
    check_int(rig.told.rows, KEYS, "rows");
    check_int(rig.told.completes, 0, "completes");
    check_int(count_sent(&rig, CPS_MESSAGE_PASS), SERVERS, "passes");
    check_int(rig.post.outbox.messages[0].pass.step, STEPS, "step passed");
    rig_release(&rig);
    rig_read_epoch(&rig, false);
    check_int(count_sent(&rig, CPS_MESSAGE_EXCHANGE), 0, "questions about an epoch that is not wanted");
    check_int(count_sent(&rig, CPS_MESSAGE_PASS), SERVERS, "passes");
    rig_release(&rig);
}

/* Workers are a step further by then: its loss is no part of the run, whenever it comes, and neither is that it
 * diverged. */
static void a_run_ends_early(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_awaited awaited;
    rig_begin_observed(&rig, wants_epoch);
    rig.told.ends = true;
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS, 0)));
        struct cps_message next = report_of(&rig, worker, STEPS, 1, -1);
        next.report.diverged = worker == 0 ? CPS_DIVERGED_UPDATE : CPS_DIVERGED_NOT;
        next.report.diverged_step = STEPS;
        check_ok(say(&rig, next));
    }
    check_int(rig.told.steps, STEPS, "steps");
    check_int(rig.told.epochs, 1, "epochs");
    rig_read(&rig);
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    assert_string_equal(awaited.what, "rows of the model");
    check_ok(say(&rig, rig.last_answer));
    check_int(rig.told.completes, 1, "completes");
    check_int(rig.told.divergences, 0, "divergences");
    check_int(count_sent(&rig, CPS_MESSAGE_PASS), 0, "passes");
    check_int(count_sent(&rig, CPS_MESSAGE_STOP), NODES - 1, "stops");
    rig_release(&rig);
}

/* The model of the epoch that is over is still taken; then the run ends. */
static void an_interrupt_waits_for_the_epochs_model(void **state)
{
    (void)state;
    struct rig rig;
    rig_read_epoch(&rig, true);
    rig_read(&rig);
    check_ok(rig.role.ops->on_interrupt(rig.role.self, CPS_INTERRUPT_STOP, &rig.post.outbox));
    check_fails(say(&rig, rig.last_answer), CPS_ERR_INTERRUPTED, "interrupted");
    check_int(rig.told.rows, KEYS, "rows");
    rig_release(&rig);
}

static void mark_it(void *context, struct cps_save_mark *mark)
{
    (void)context, (void)mark;
}

static void begin_it(void *context, const struct cps_save_mark *mark)
{
    (void)context, (void)mark;
}

static void take_rows(void *context, uint32_t server, const struct cps_state *state, struct cps_buffer *payload)
{
    (void)context, (void)server, (void)state, (void)payload;
}

static bool has_room(void *context)
{
    (void)context;
    return true;
}

static void end_it(void *context)
{
    (void)context;
}

static enum cps_save_outcome is_valid(void *context)
{
    (void)context;
    return CPS_SAVE_VALID;
}

static const struct cps_save_sink quick_sink = {.mark = mark_it,
                                                .begin = begin_it,
                                                .rows = take_rows,
                                                .reserve = has_room,
                                                .end = end_it,
                                                .outcome = is_valid,
                                                .skip = begin_it};

/* Both servers keep the rows of the step they wait at: action is what they answer. */
static void keep_rows(struct rig *rig, enum cps_snapshot_action action)
{
    for (uint32_t server = 0; server < SERVERS; server++) {
        struct cps_message kept = message_from(&rig->post, CPS_MESSAGE_KEPT, 1 + server, 0);
        kept.snapshot = (struct cps_snapshot){.step = STEPS, .action = action};
        check_ok(say(rig, kept));
    }
}

/* The servers answer all FETCHes, those that come of it as well. */
static void give_states(struct rig *rig)
{
    for (size_t i = 0; i < rig->post.outbox.count; i++) {
        const struct cps_message asked = rig->post.outbox.messages[i];
        if (asked.kind != CPS_MESSAGE_FETCH || asked.state.rows == 0)
            continue;
        uint32_t words = cps_plan_state_words(&rig->plan);
        struct cps_message state =
            message_from(&rig->post, CPS_MESSAGE_STATE, asked.to, asked.state.rows * words * sizeof(uint32_t));
        state.state = asked.state;
        state.state.words = words;
        check_ok(say(rig, state));
    }
}

/* The checkpoint at which a run is to stop may be valid first. */
static void a_stop_waits_for_the_epochs_model(void **state)
{
    (void)state;
    struct rig rig;
    rig_read_epoch(&rig, true);
    check_ok(cps_coordinator_save_to(rig.coordinator, &quick_sink));
    rig_read(&rig);
    check_ok(rig.role.ops->on_interrupt(rig.role.self, CPS_INTERRUPT_STOP, &rig.post.outbox));
    keep_rows(&rig, CPS_SNAPSHOT_HOLD);
    keep_rows(&rig, CPS_SNAPSHOT_TAKE);
    give_states(&rig);
    check_ok(rig.role.ops->on_tick(rig.role.self, SECOND, &rig.post.outbox));
    check_ok(say(&rig, rig.last_answer));
    check_int(rig.told.rows, KEYS, "rows");
    check_fails(rig.role.ops->on_tick(rig.role.self, SECOND, &rig.post.outbox), CPS_ERR_PREEMPTED,
                "stopped after step 40");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_goes_by_the_book),
        cmocka_unit_test(grants_come_in_whole_blocks),
        cmocka_unit_test(losses_come_out_in_order),
        cmocka_unit_test(an_epoch_waits_for_all_of_it),
        cmocka_unit_test(an_epoch_ends_before_the_next_begins),
        cmocka_unit_test(times_are_means_over_a_role),
        cmocka_unit_test(a_server_reports_no_losses),
        cmocka_unit_test(the_end_reads_the_model_and_stops_all),
        cmocka_unit_test(the_disk_is_waited_for),
        cmocka_unit_test(an_epoch_is_read_before_it_is_passed),
        cmocka_unit_test(a_run_ends_early),
        cmocka_unit_test(an_interrupt_waits_for_the_epochs_model),
        cmocka_unit_test(a_stop_waits_for_the_epochs_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
