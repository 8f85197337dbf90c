/* See coordinator_rig.h. */
#include "tests/unit/coordinator_rig.h"

#include "common/model/exact.h"
#include "common/model/steps.h"

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

const uint8_t fingerprint[CPS_SHA256_BYTES] = {1, 2, 3};

void rig_init_observed(struct rig *self, uint64_t timeout_ns, bool (*wants_epoch)(void *))
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

void rig_init(struct rig *self, uint64_t timeout_ns)
{
    rig_init_observed(self, timeout_ns, NULL);
}

void rig_release(struct rig *self)
{
    cps_coordinator_destroy(&self->coordinator);
    assert_null(self->coordinator);
    post_release(&self->post);
}

enum cps_status say(struct rig *rig, struct cps_message message)
{
    return hand(&rig->role, &rig->post, message);
}

struct cps_message hello_of(struct rig *rig, uint32_t node)
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

uint32_t count_sent(const struct rig *rig, enum cps_message_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rig->post.outbox.count; i++)
        count += rig->post.outbox.messages[i].kind == kind;
    return count;
}

void rig_start(struct rig *self)
{
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, hello_of(self, node)));
    for (uint32_t node = 1; node < NODES; node++)
        check_ok(say(self, message_from(&self->post, CPS_MESSAGE_READY, node, 0)));
    post_clear(&self->post);
}

/* Up to the first grants. */
void rig_begin(struct rig *self, uint64_t timeout_ns)
{
    rig_init(self, timeout_ns);
    rig_start(self);
}

void rig_begin_observed(struct rig *self, bool (*wants_epoch)(void *))
{
    rig_init_observed(self, 0, wants_epoch);
    rig_start(self);
}

/* The error worker had at step, as a loss sum. */
double loss_of(uint32_t worker, uint64_t step)
{
    return 0.5 * (double)(worker + 1) + (double)(step % 16) * 0.25;
}

struct cps_message report_of(struct rig *rig, uint32_t worker, uint64_t first, uint32_t steps, int epoch)
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

/* Server's answer to the question in message: row of key is key·100 + column. */
struct cps_message answer_to(struct rig *rig, const struct cps_message *question)
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

void rig_report_all(struct rig *self)
{
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        for (int epoch = 0; epoch < EPOCHS; epoch++)
            check_ok(say(self, report_of(self, worker, (uint64_t)epoch * STEPS, STEPS, epoch)));
}

void rig_finish_training(struct rig *self)
{
    rig_begin(self, 0);
    rig_report_all(self);
}

/* A run of 2,100 steps, of which two blocks are granted. */
void rig_begin_long(struct rig *self)
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
