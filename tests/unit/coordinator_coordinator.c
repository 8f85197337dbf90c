/* The coordinator as a state machine, its servers and workers played by the test. */
#include <stdio.h>

#include "common/base/sha256.h"
#include "common/model/exact.h"
#include "common/model/steps.h"
#include "server/coordinator/coordinator.h"
#include "tests/unit/roles.h"

enum { WIDTH = 6, KEYS = 22, SERVERS = 2, WORKERS = 3, NODES = 1 + SERVERS + WORKERS, STEPS = 40, EPOCHS = 2 };

static const uint64_t SECOND = 1000000000u;

/* What the observer was told. */
struct told {
    uint32_t starts, steps, epochs, rows, completes, divergences;
    uint64_t diverged_step;
    uint64_t sample_bytes;
    struct cps_step_result step[STEPS * EPOCHS];
    struct cps_epoch_result epoch[EPOCHS];
    float row[KEYS * WIDTH];
    enum cps_status answer; /* what on_step returns */
    bool wants_epochs, ends;
    bool busy; /* what poll says */
};

struct rig {
    struct cps_plan plan;
    struct cps_coordinator *coordinator;
    struct cps_role role;
    struct post post;
    struct told told;
    struct cps_message last_answer; /* of a server to a question that the others have answered */
};

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    struct told *told = context;
    told->starts++;
    told->sample_bytes = start->sample_bytes;
    return CPS_OK;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    struct told *told = context;
    told->step[told->steps++] = *step;
    return told->answer;
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    struct told *told = context;
    told->epoch[told->epochs++] = *epoch;
    return CPS_OK;
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    struct told *told = context;
    told->divergences++;
    told->diverged_step = step;
    return CPS_OK;
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    struct told *told = context;
    check_int(first_key, told->rows, "first key");
    memcpy(told->row + (size_t)first_key * WIDTH, rows, (size_t)count * WIDTH * sizeof *rows);
    told->rows += count;
    return CPS_OK;
}

static enum cps_status on_complete(void *context)
{
    struct told *told = context;
    told->completes++;
    return CPS_OK;
}

static enum cps_status poll(void *context, bool *busy)
{
    const struct told *told = context;
    *busy = told->busy;
    return CPS_OK;
}

static bool ends_early(void *context)
{
    const struct told *told = context;
    return told->ends;
}

static const uint8_t fingerprint[CPS_SHA256_BYTES] = {1, 2, 3};

static void rig_init_observed(struct rig *self, uint64_t timeout_ns, bool (*wants_epoch)(void *))
{
    *self = (struct rig){.plan = small_plan()};
    self->plan.servers = SERVERS;
    self->plan.workers = WORKERS;
    self->plan.epochs = EPOCHS;
    self->plan.train_count = STEPS * 8 + 5;
    self->plan.valid_count = 30;
    struct cps_observer observer = {.context = &self->told,
                                    .on_start = on_start,
                                    .on_step = on_step,
                                    .on_epoch = on_epoch,
                                    .on_diverged = on_diverged,
                                    .wants_epoch = wants_epoch,
                                    .ends_early = wants_epoch ? ends_early : NULL,
                                    .on_epoch_rows = on_rows,
                                    .on_rows = on_rows,
                                    .on_complete = on_complete,
                                    .poll = poll};
    check_ok(cps_coordinator_create(&self->plan, fingerprint, &observer, timeout_ns, &self->coordinator));
    self->role = cps_coordinator_role(self->coordinator);
    post_init(&self->post, 0, NODES);
}

static void rig_init(struct rig *self, uint64_t timeout_ns)
{
    rig_init_observed(self, timeout_ns, NULL);
}

static void rig_release(struct rig *self)
{
    cps_coordinator_destroy(&self->coordinator);
    assert_null(self->coordinator);
    post_release(&self->post);
}

static enum cps_status say(struct rig *rig, struct cps_message message)
{
    return hand(&rig->role, &rig->post, message);
}

static struct cps_message hello_of(struct rig *rig, uint32_t node)
{
    struct cps_message hello = message_from(&rig->post, CPS_MESSAGE_HELLO, node, 0);
    if (node <= SERVERS)
        return hello;
    hello.hello = (struct cps_hello){.has_data = true,
                                     .train_count = rig->plan.train_count / WORKERS,
                                     .valid_count = 10,
                                     .sample_bytes = 1000};
    if (node == NODES - 1)
        hello.hello.train_count += rig->plan.train_count % WORKERS;
    memcpy(hello.hello.fingerprint, fingerprint, sizeof fingerprint);
    return hello;
}

static uint32_t count_sent(const struct rig *rig, enum cps_message_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rig->post.outbox.count; i++)
        count += rig->post.outbox.messages[i].kind == kind;
    return count;
}

static void rig_start(struct rig *self)
{
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, hello_of(self, node)));
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, message_from(&self->post, CPS_MESSAGE_READY, node, 0)));
    post_clear(&self->post);
}

/* Up to the first grants. */
static void rig_begin(struct rig *self, uint64_t timeout_ns)
{
    rig_init(self, timeout_ns);
    rig_start(self);
}

static void rig_begin_observed(struct rig *self, bool (*wants_epoch)(void *))
{
    rig_init_observed(self, 0, wants_epoch);
    rig_start(self);
}

/* The error worker had at step, as a loss sum. */
static double loss_of(uint32_t worker, uint64_t step)
{
    return 0.5 * (double)(worker + 1) + (double)(step % 16) * 0.25;
}

static struct cps_message report_of(struct rig *rig, uint32_t worker, uint64_t first, uint32_t steps, int epoch)
{
    struct cps_message report =
        message_from(&rig->post, CPS_MESSAGE_REPORT, 1 + SERVERS + worker, steps * sizeof(struct cps_loss_sum));
    report.report = (struct cps_report){.first_step = first, .steps = steps};
    struct cps_loss_sum *sums = steps ? (struct cps_loss_sum *)(void *)report.payload->data : NULL;
    for (uint32_t i = 0; i < steps; i++) {
        cps_int128 sum = (cps_int128)(loss_of(worker, first + i) * 0x1p64);
        sums[i] = (struct cps_loss_sum){.low = (uint64_t)sum, .high = (uint64_t)(sum >> 64)};
    }
    if (epoch >= 0) {
        report.report.has_valid = true;
        report.report.epoch = (uint32_t)epoch;
        report.report.valid_sum = (struct cps_loss_sum){.high = 10 * (worker + 1) + (uint32_t)epoch};
        report.report.valid_absolute = (struct cps_loss_sum){.high = worker + 1};
        report.report.valid_count = 10;
    }
    return report;
}

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

/* A run of 2,100 steps, of which two blocks are granted. */
static void rig_begin_long(struct rig *self)
{
    rig_init(self, 0);
    cps_coordinator_destroy(&self->coordinator);
    self->plan.train_count = 8 * 700;
    self->plan.epochs = 3;
    struct cps_observer observer = {.context = &self->told, .on_start = on_start, .on_step = on_step};
    check_ok(cps_coordinator_create(&self->plan, fingerprint, &observer, 0, &self->coordinator));
    self->role = cps_coordinator_role(self->coordinator);
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, hello_of(self, node)));
    post_clear(&self->post);
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, message_from(&self->post, CPS_MESSAGE_READY, node, 0)));
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

static void other_data_is_refused(void **state)
{
    (void)state;
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        struct rig rig;
        char name[16];
        snprintf(name, sizeof name, "worker %u", worker);
        rig_init(&rig, 0);
        struct cps_message hello = hello_of(&rig, 1 + SERVERS + worker);
        hello.hello.fingerprint[31] ^= 1;
        check_fails(say(&rig, hello), CPS_ERR_DATA, name);
        assert_non_null(strstr(cps_error_hint(), "--data"));
        rig_release(&rig);
    }
}

static void shards_must_hold_all_ratings(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    for (uint32_t node = 1; node < NODES - 1; node++)
        check_ok(say(&rig, hello_of(&rig, node)));
    struct cps_message hello = hello_of(&rig, NODES - 1);
    hello.hello.valid_count++;
    check_fails(say(&rig, hello), CPS_ERR_INTERNAL, "30");
    rig_release(&rig);
}

static void a_run_needs_a_batch(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    struct cps_observer observer = {0};
    struct cps_coordinator *coordinator = NULL;
    plan.train_count = 7;
    check_fails(cps_coordinator_create(&plan, fingerprint, &observer, 0, &coordinator), CPS_ERR_DATA,
                "7 training ratings");
    assert_non_null(strstr(cps_error_hint(), "--batch-size"));
    plan = small_plan();
    plan.train_count = (uint64_t)8 << 31;
    check_fails(cps_coordinator_create(&plan, fingerprint, &observer, 0, &coordinator), CPS_ERR_USAGE, "steps");
    assert_null(coordinator);
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

/* Server's answer to the question in message: row of key is key·100 + column. */
static struct cps_message answer_to(struct rig *rig, const struct cps_message *question)
{
    uint32_t rows = question->exchange.read_rows;
    struct cps_message answer =
        message_from(&rig->post, CPS_MESSAGE_ROWS, question->to, rows * WIDTH * sizeof(float));
    answer.rows =
        (struct cps_rows){.step = question->exchange.step, .ticket = question->exchange.ticket, .rows = rows};
    const uint32_t *keys = (const uint32_t *)(const void *)question->payload->data;
    float *out = (float *)(void *)answer.payload->data;
    for (uint32_t i = 0; i < rows; i++) {
        check_int(keys[i] % SERVERS, question->to - 1, "server of key %u", keys[i]);
        for (uint32_t j = 0; j < WIDTH; j++)
            *out++ = (float)(keys[i] * 100 + j);
    }
    return answer;
}

static void rig_report_all(struct rig *self)
{
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        for (int epoch = 0; epoch < EPOCHS; epoch++)
            check_ok(say(self, report_of(self, worker, (uint64_t)epoch * STEPS, STEPS, epoch)));
}

static void rig_finish_training(struct rig *self)
{
    rig_begin(self, 0);
    rig_report_all(self);
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

static void wrong_answers_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_finish_training(&rig);
    for (int wrong = 0; wrong < 3; wrong++) {
        struct cps_message answer = answer_to(&rig, &rig.post.outbox.messages[0]);
        answer.rows.ticket += wrong == 0;
        answer.rows.rows -= wrong == 1;
        if (wrong == 2)
            answer.payload->size -= 4;
        check_fails(say(&rig, answer), CPS_ERR_PEER, wrong == 0 ? "no outstanding" : "payload");
    }
    rig_release(&rig);
}

static void the_silent_are_missed(void **state)
{
    (void)state;
    static const struct {
        uint32_t node;
        const char *name;
    } cases[] = {{1, "server 0 "}, {2, "server 1 "}, {3, "worker 0 "}, {5, "worker 2 "}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, 10 * SECOND);
        uint64_t now = 5000 * SECOND;
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
        for (int second = 1; second < 10; second++) {
            now += SECOND;
            check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
            for (uint32_t node = 1; node < NODES; node++)
                if (node != cases[i].node)
                    check_ok(say(&rig, message_from(&rig.post, CPS_MESSAGE_HEARTBEAT, node, 0)));
        }
        check_fails(rig.role.ops->on_tick(rig.role.self, now + SECOND, &rig.post.outbox), CPS_ERR_PEER,
                    cases[i].name);
        assert_non_null(strstr(cps_error_text(), "10 s"));
        rig_release(&rig);
    }
}

static void without_a_timeout_nobody_is_missed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    for (uint64_t now = 1; now < 100000 * SECOND; now *= 10)
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
    rig_release(&rig);
}

static void what_was_not_granted_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_fails(say(&rig, report_of(&rig, 1, STEPS * EPOCHS - 1, 2, -1)), CPS_ERR_PEER, "node 4");
    check_fails(say(&rig, report_of(&rig, 1, 0, 1, EPOCHS)), CPS_ERR_PEER, "node 4");
    check_fails(say(&rig, report_of(&rig, 1, UINT64_MAX - 1, 4, -1)), CPS_ERR_PEER, "node 4");
    struct cps_message report = report_of(&rig, 1, 0, 3, -1);
    report.report.steps = 4;
    check_fails(say(&rig, report), CPS_ERR_PEER, "payload");
    rig_release(&rig);
    rig_begin_long(&rig);
    check_fails(say(&rig, report_of(&rig, 1, 0, 2 * CPS_BLOCK_STEPS + 1, -1)), CPS_ERR_PEER, "not granted");
    check_ok(say(&rig, report_of(&rig, 1, 0, 2 * CPS_BLOCK_STEPS, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 2 * CPS_BLOCK_STEPS, 1, -1)), CPS_ERR_PEER, "not granted");
    rig_release(&rig);
}

/* Each step and each epoch once, in order: a second report would be added to the first. */
static void nothing_is_reported_twice(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_ok(say(&rig, report_of(&rig, 1, 0, 10, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 0, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 5, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 11, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 10, 10, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_ok(say(&rig, report_of(&rig, 1, 20, STEPS - 20, 0)));
    check_fails(say(&rig, report_of(&rig, 1, STEPS, 0, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_fails(say(&rig, report_of(&rig, 1, STEPS, 0, 1)), CPS_ERR_PEER, "validation of epoch 1");
    check_ok(say(&rig, report_of(&rig, 1, STEPS, STEPS, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 2 * STEPS, 0, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_fails(say(&rig, hello_of(&rig, 4)), CPS_ERR_PEER, "node 4 sent the coordinator a 'hello'");
    check_fails(say(&rig, message_from(&rig.post, CPS_MESSAGE_READY, 4, 0)), CPS_ERR_PEER, "a 'ready'");
    rig_release(&rig);
}

/* The next to owe: of the greetings, of the ready, of the reports the slowest worker. */
static void the_coordinator_knows_who_owes_it(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_awaited awaited;
    rig_init(&rig, 0);
    for (uint32_t node = 1; node < NODES; node++) {
        assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
        assert_string_equal(awaited.what, "a greeting");
        check_int(awaited.node, node, "node");
        check_ok(say(&rig, hello_of(&rig, node)));
    }
    for (uint32_t node = 1; node < NODES; node++) {
        assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
        assert_string_equal(awaited.what, "word that it is ready");
        check_int(awaited.node, node, "node");
        check_ok(say(&rig, message_from(&rig.post, CPS_MESSAGE_READY, node, 0)));
    }
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS - worker, worker ? -1 : 0)));
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    check_int(awaited.node, NODES - 1, "node");
    assert_string_equal(awaited.what, "the losses of step");
    check_int(awaited.number, STEPS - WORKERS + 1, "step");
    for (uint32_t worker = 1; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, STEPS - worker, worker, -1)));
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    assert_string_equal(awaited.what, "the validation of epoch");
    check_int(awaited.node, NODES - 2, "node");
    rig_release(&rig);
}

static void messages_for_others_are_refused(void **state)
{
    (void)state;
    static const enum cps_message_kind kinds[] = {CPS_MESSAGE_PLAN, CPS_MESSAGE_GRANT, CPS_MESSAGE_EXCHANGE,
                                                  CPS_MESSAGE_STOP, CPS_MESSAGE_KINDS};
    struct rig rig;
    rig_begin(&rig, 0);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_fails(say(&rig, message_from(&rig.post, kinds[i], 3, 0)), CPS_ERR_PEER,
                    "node 3 sent the coordinator");
    rig_release(&rig);
}

static void errors_end_the_run(void **state)
{
    (void)state;
    static const char told[] = "'u.data':7: not a number\0mend it";
    struct rig rig;
    rig_begin(&rig, 0);
    rig.told.answer = CPS_ERR_STORAGE;
    cps_fail(CPS_ERR_STORAGE, "the disk is full");
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_int(say(&rig, report_of(&rig, worker, 0, 1, -1)), worker + 1 < WORKERS ? CPS_OK : CPS_ERR_STORAGE,
                  "status of report %u", worker);
    struct cps_message failure = message_from(&rig.post, CPS_MESSAGE_FAIL, 4, sizeof told);
    failure.end.status = CPS_ERR_DATA;
    memcpy(failure.payload->data, told, sizeof told);
    check_fails(say(&rig, failure), CPS_ERR_DATA, "'u.data':7: not a number");
    assert_string_equal(cps_error_hint(), "mend it");
    rig_release(&rig);
}

/* A worker's last report: of steps first.., and what it met. */
static struct cps_message divergence_of(struct rig *rig, uint32_t worker, uint64_t first, uint32_t steps,
                                        enum cps_diverged what, uint32_t row)
{
    struct cps_message report = report_of(rig, worker, first, steps, -1);
    report.report.diverged = what;
    report.report.diverged_step = first + steps - (what == CPS_DIVERGED_UPDATE);
    report.report.user_row = row;
    report.report.movie_row = 2;
    return report;
}

/* Whoever tells first: all losses there are, and the divergence that comes first by step, kind and row. */
static void a_divergence_waits_for_every_workers_last_word(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_ok(say(&rig, divergence_of(&rig, 2, 0, 9, CPS_DIVERGED_ERROR, 7)));
    check_ok(say(&rig, report_of(&rig, 0, 0, 5, -1)));
    check_int(rig.told.steps, 0, "steps");
    check_ok(say(&rig, divergence_of(&rig, 1, 0, 9, CPS_DIVERGED_ERROR, 4)));
    check_int(rig.told.steps, 5, "steps");
    check_ok(say(&rig, report_of(&rig, 0, 5, 4, -1)));
    check_int(rig.told.divergences, 0, "divergences");
    check_fails(say(&rig, report_of(&rig, 0, 9, 1, -1)), CPS_ERR_DIVERGED,
                "at step 9: the error of user row 4 and movie row 2");
    check_int(rig.told.steps, 9, "steps");
    check_int(rig.told.divergences, 1, "divergences");
    check_int(rig.told.diverged_step, 9, "its step");
    assert_non_null(strstr(cps_error_hint(), "--lr-max"));
    rig_release(&rig);
}

/* The loss of a step whose update alone is out of range is known. */
static void an_update_out_of_range_has_its_loss(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        struct rig rig;
        rig_begin(&rig, 0);
        struct cps_message server = message_from(&rig.post, CPS_MESSAGE_REPORT, 1, 0);
        server.report.diverged = CPS_DIVERGED_UPDATE;
        server.report.diverged_step = 3;
        if (first == 0)
            check_ok(say(&rig, server));
        for (uint32_t worker = 0; worker < WORKERS - first; worker++)
            if (worker < WORKERS - 1)
                check_ok(say(&rig, report_of(&rig, worker, 0, 4, -1)));
        check_int(rig.told.divergences, 0, "divergences");
        if (first == 1)
            check_ok(say(&rig, server));
        check_fails(say(&rig, report_of(&rig, WORKERS - 1, 0, 4, -1)), CPS_ERR_DIVERGED,
                    "at step 3: a gradient or an updated weight is out of range");
        check_int(rig.told.steps, 4, "steps");
        rig_release(&rig);
    }
}

/* Behind the last epoch's steps there is none that others could report. */
static void the_last_validation_may_diverge(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS, 0)));
    check_ok(say(&rig, report_of(&rig, 0, STEPS, STEPS, 1)));
    check_ok(say(&rig, divergence_of(&rig, 1, STEPS, STEPS, CPS_DIVERGED_VALIDATION, 3)));
    check_int(rig.told.divergences, 0, "divergences");
    check_fails(say(&rig, report_of(&rig, 2, STEPS, STEPS, 1)), CPS_ERR_DIVERGED,
                "the validation error of user row 3");
    check_int(rig.told.steps, EPOCHS * STEPS, "steps");
    check_int(rig.told.epochs, 1, "epochs");
    rig_release(&rig);
}

static void divergences_of_no_step_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    struct cps_message report = divergence_of(&rig, 0, 0, 4, CPS_DIVERGED_ERROR, 1);
    report.report.diverged_step = 7;
    check_fails(say(&rig, report), CPS_ERR_PEER, "'report'");
    report = message_from(&rig.post, CPS_MESSAGE_REPORT, 1, 0);
    report.report.diverged = CPS_DIVERGED_ERROR;
    check_fails(say(&rig, report), CPS_ERR_PEER, "'report'");
    report = divergence_of(&rig, 1, 0, 4, (enum cps_diverged)(CPS_DIVERGED_UPDATE + 1), 1);
    check_fails(say(&rig, report), CPS_ERR_PEER, "unknown way");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_divergence_waits_for_every_workers_last_word),
        cmocka_unit_test(an_update_out_of_range_has_its_loss),
        cmocka_unit_test(the_last_validation_may_diverge),
        cmocka_unit_test(divergences_of_no_step_are_refused),
        cmocka_unit_test(the_start_goes_by_the_book),
        cmocka_unit_test(grants_come_in_whole_blocks),
        cmocka_unit_test(other_data_is_refused),
        cmocka_unit_test(shards_must_hold_all_ratings),
        cmocka_unit_test(a_run_needs_a_batch),
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
        cmocka_unit_test(wrong_answers_are_refused),
        cmocka_unit_test(the_silent_are_missed),
        cmocka_unit_test(without_a_timeout_nobody_is_missed),
        cmocka_unit_test(what_was_not_granted_is_refused),
        cmocka_unit_test(nothing_is_reported_twice),
        cmocka_unit_test(the_coordinator_knows_who_owes_it),
        cmocka_unit_test(messages_for_others_are_refused),
        cmocka_unit_test(errors_end_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
