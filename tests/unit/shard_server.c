/* The server as a state machine: what it answers, what it waits for, what it refuses. */
#include "common/model/initial.h"
#include "server/shard/server.h"
#include "tests/unit/roles.h"

enum { WIDTH = 6, KEYS = 22, STEPS = 600 };

/* Server 0 of a job of 1 server and 3 workers (nodes 2, 3 and 4). */
struct rig {
    struct cps_plan plan;
    struct cps_server *server;
    struct cps_role role;
    struct post post;
};

static void rig_init_for(struct rig *self, uint32_t workers)
{
    self->plan = small_plan();
    self->plan.workers = workers;
    check_ok(cps_server_create(0, 2 + workers, &cps_kernels_scalar, NULL, NULL, &self->server));
    self->role = cps_server_role(self->server);
    post_init(&self->post, 1, 2 + workers);
}

static void rig_init(struct rig *self)
{
    rig_init_for(self, 3);
}

static void rig_release(struct rig *self)
{
    cps_server_destroy(&self->server);
    assert_null(self->server);
    post_release(&self->post);
}

static struct cps_message plan_message(struct rig *rig)
{
    struct cps_message message = message_from(&rig->post, CPS_MESSAGE_PLAN, 0, 0);
    message.plan = rig->plan;
    return message;
}

static struct cps_message grant_message(struct rig *rig, uint64_t first, uint32_t steps)
{
    static struct cps_hyper hyper[CPS_BLOCK_STEPS + 1];
    struct cps_message message = message_from(&rig->post, CPS_MESSAGE_GRANT, 0, 2 * steps * sizeof(double));
    message.grant = (struct cps_grant){.first_step = first, .steps = steps};
    double *lr = (double *)(void *)message.payload->data;
    hyper_of(&rig->plan, first, steps, hyper);
    for (uint32_t i = 0; i < steps; i++) {
        lr[i] = hyper[i].lr;
        lr[steps + i] = hyper[i].momentum;
    }
    return message;
}

/* A server that is ready to train. */
static void rig_begin(struct rig *self)
{
    rig_init(self);
    check_ok(hand(&self->role, &self->post, plan_message(self)));
    check_ok(hand(&self->role, &self->post, grant_message(self, 0, STEPS)));
    post_clear(&self->post);
}

/* Worker node pushes one row for step, and pulls it and reads another for the next. */
static struct cps_message push_message(struct rig *rig, uint32_t node, uint64_t step, uint64_t ticket)
{
    float gradient[WIDTH];
    uint32_t keys[] = {node, node, node + 10};
    for (int j = 0; j < WIDTH; j++)
        gradient[j] = (float)test_normal(0, (step * 5 + node) * WIDTH + (uint64_t)j);
    struct cps_exchange body = {
        .step = step, .ticket = ticket, .has_push = true, .single_rows = 1, .pull_rows = 1, .read_rows = 1};
    return exchange_from(&rig->post, node, WIDTH, body, (struct exchange_parts){NULL, gradient, NULL, keys});
}

/* A question without a push. */
static struct cps_message read_message(struct rig *rig, uint32_t node, uint64_t step, uint32_t key)
{
    struct cps_exchange body = {.step = step, .ticket = 77, .read_rows = 1};
    return exchange_from(&rig->post, node, WIDTH, body, (struct exchange_parts){NULL, NULL, NULL, &key});
}

static void a_server_greets_once_and_gets_ready(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    for (uint64_t now = 1; now < 5; now++)
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
    check_int(rig.post.outbox.count, 1, "messages");
    check_int(rig.post.outbox.messages[0].kind, CPS_MESSAGE_HELLO, "kind");
    check_int(rig.post.outbox.messages[0].to, 0, "to");
    assert_false(rig.post.outbox.messages[0].hello.has_data);
    post_clear(&rig.post);
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    check_int(rig.post.outbox.count, 1, "messages");
    check_int(rig.post.outbox.messages[0].kind, CPS_MESSAGE_READY, "kind");
    check_int(rig.role.node, 1, "node");
    assert_false(rig.role.ops->done(rig.role.self));
    rig_release(&rig);
}

static void nothing_is_done_before_the_plan(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    check_fails(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 0)), CPS_ERR_PEER, "before the plan");
    check_fails(hand(&rig.role, &rig.post, read_message(&rig, 2, 0, 3)), CPS_ERR_PEER, "before the plan");
    check_fails(hand(&rig.role, &rig.post, grant_message(&rig, 0, 5)), CPS_ERR_PEER, "out of order");
    check_ok(hand(&rig.role, &rig.post, message_from(&rig.post, CPS_MESSAGE_HEARTBEAT, 0, 0)));
    check_int(rig.post.outbox.count, 0, "messages");
    rig_release(&rig);
}

static void a_question_is_answered_at_once(void **state)
{
    (void)state;
    struct rig rig;
    float want[WIDTH];
    rig_begin(&rig);
    check_ok(hand(&rig.role, &rig.post, read_message(&rig, 3, 0, 17)));
    check_int(rig.post.outbox.count, 1, "messages");
    const struct cps_message *answer = &rig.post.outbox.messages[0];
    check_int(answer->kind, CPS_MESSAGE_ROWS, "kind");
    check_int(answer->to, 3, "to");
    check_int(answer->rows.ticket, 77, "ticket");
    check_int(answer->rows.step, 0, "step");
    check_int(answer->rows.rows, 1, "rows");
    cps_initial_row(&rig.plan, 17, want);
    assert_memory_equal(rows_in(answer), want, sizeof want);
    rig_release(&rig);
}

static void a_push_waits_for_all_workers(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 4, 1, 104)));
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 102)));
    check_int(rig.post.outbox.count, 0, "answers before the last push");
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 3, 1, 103)));
    check_int(rig.post.outbox.count, 3, "answers after the last push");
    bool seen[5] = {false};
    for (size_t i = 0; i < 3; i++) {
        const struct cps_message *answer = &rig.post.outbox.messages[i];
        check_int(answer->kind, CPS_MESSAGE_ROWS, "kind");
        check_int(answer->rows.ticket, 100 + answer->to, "ticket");
        check_int(answer->rows.step, 1, "step");
        check_int(answer->rows.rows, 2, "rows");
        check_int(cps_message_payload_bytes(answer), 2 * WIDTH * 4, "payload bytes");
        assert_false(seen[answer->to]);
        seen[answer->to] = true;
    }
    rig_release(&rig);
}

static void a_push_waits_for_its_grant(void **state)
{
    (void)state;
    struct rig rig;
    rig_init_for(&rig, 1);
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 0)));
    check_int(rig.post.outbox.count, 1, "ready");
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, 0, STEPS)));
    check_int(rig.post.outbox.count, 2, "ready and the answer to step 1");
    check_fails(hand(&rig.role, &rig.post, grant_message(&rig, 0, STEPS)), CPS_ERR_PEER, "out of order");
    rig_release(&rig);

    /* A whole block, so that the next is aligned; the step behind it waits. */
    rig_init_for(&rig, 1);
    rig.plan.epochs = 10;
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, 0, CPS_BLOCK_STEPS)));
    post_clear(&rig.post);
    for (uint64_t step = 1; step <= CPS_BLOCK_STEPS; step++)
        check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, step, step)));
    check_int(rig.post.outbox.count, CPS_BLOCK_STEPS + 3, "answers, and a report an epoch");
    post_clear(&rig.post);
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, CPS_BLOCK_STEPS + 1, 0)));
    check_int(rig.post.outbox.count, 0, "answers before the grant");
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, CPS_BLOCK_STEPS, CPS_BLOCK_STEPS)));
    check_int(rig.post.outbox.count, 1, "answers after the grant");
    rig_release(&rig);
}

/* After the answers, so that nobody waits for it. */
static void an_epochs_end_is_reported(void **state)
{
    (void)state;
    enum { EPOCH = STEPS / 2 };
    struct rig rig;
    struct cps_stopwatch watch;
    rig_init_for(&rig, 1);
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, 0, STEPS)));
    cps_stopwatch_start(&watch);
    rig.post.outbox.watch = &watch;
    post_clear(&rig.post);
    for (uint64_t step = 1; step <= EPOCH; step++)
        check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, step, step)));
    check_int(rig.post.outbox.count, EPOCH + 1, "answers and a report");
    const struct cps_message *report = &rig.post.outbox.messages[EPOCH];
    check_int(report->kind, CPS_MESSAGE_REPORT, "kind");
    check_int(report->to, 0, "to");
    check_int(report->report.steps, 0, "steps");
    assert_false(report->report.has_valid);
    assert_true(report->report.spent_ns[CPS_PHASE_OPTIMIZER] > 0);
    check_int(report->report.spent_ns[CPS_PHASE_OPTIMIZER], watch.spent_ns[CPS_PHASE_OPTIMIZER], "time");
    rig_release(&rig);
}

/* The rows after a few steps do not depend on the order in which workers push. */
/* With reads_epochs nobody trains on from the end of an epoch before the coordinator has read it. */
static void an_epochs_end_waits_to_be_passed(void **state)
{
    (void)state;
    struct rig rig;
    enum { WORKERS = 3 };
    float before[WIDTH];
    rig_init(&rig);
    rig.plan.reads_epochs = true;
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, 0, STEPS)));
    uint64_t end = cps_plan_steps_per_epoch(&rig.plan);
    for (uint64_t step = 1; step <= end + 1; step++)
        for (uint32_t node = 2; node < 2 + WORKERS; node++)
            check_ok(hand(&rig.role, &rig.post, push_message(&rig, node, step, step)));
    post_clear(&rig.post);
    check_ok(hand(&rig.role, &rig.post, read_message(&rig, 0, end, 2)));
    check_int(rig.post.outbox.count, 1, "answers to the coordinator alone");
    memcpy(before, rows_in(&rig.post.outbox.messages[0]), sizeof before);
    post_clear(&rig.post);
    struct cps_message pass = message_from(&rig.post, CPS_MESSAGE_PASS, 0, 0);
    pass.pass.step = end + 1;
    check_fails(hand(&rig.role, &rig.post, pass), CPS_ERR_PEER, "passed step");
    pass.pass.step = end;
    check_ok(hand(&rig.role, &rig.post, pass));
    check_int(rig.post.outbox.count, WORKERS, "answers to the workers");
    post_clear(&rig.post);
    check_ok(hand(&rig.role, &rig.post, read_message(&rig, 0, end + 1, 2)));
    assert_memory_not_equal(rows_in(&rig.post.outbox.messages[0]), before, sizeof before);
    rig_release(&rig);
}

static void the_order_of_workers_leaves_no_trace(void **state)
{
    (void)state;
    static const uint32_t orders[][3] = {{2, 3, 4}, {4, 3, 2}, {3, 4, 2}, {4, 2, 3}};
    float want[KEYS][WIDTH];
    for (size_t o = 0; o < COUNT_OF(orders); o++) {
        struct rig rig;
        rig_begin(&rig);
        for (uint64_t step = 1; step <= 20; step++) {
            for (int i = 0; i < 3; i++)
                check_ok(hand(&rig.role, &rig.post,
                              push_message(&rig, orders[o][(step + (uint64_t)i) % 3], step, 0)));
            post_clear(&rig.post);
        }
        for (uint32_t key = 0; key < KEYS; key++) {
            check_ok(hand(&rig.role, &rig.post, read_message(&rig, 2, 20, key)));
            if (o == 0)
                memcpy(want[key], rows_in(&rig.post.outbox.messages[0]), sizeof want[key]);
            assert_memory_equal(rows_in(&rig.post.outbox.messages[0]), want[key], sizeof want[key]);
            post_clear(&rig.post);
        }
        rig_release(&rig);
    }
}

static void exchanges_out_of_step_are_refused(void **state)
{
    (void)state;
    static const uint64_t pushes[] = {0, 2, 3, UINT64_MAX};
    struct rig rig;
    rig_begin(&rig);
    for (size_t i = 0; i < COUNT_OF(pushes); i++)
        check_fails(hand(&rig.role, &rig.post, push_message(&rig, 2, pushes[i], 0)), CPS_ERR_PEER,
                    "node 2 sent an exchange for step");
    check_fails(hand(&rig.role, &rig.post, read_message(&rig, 2, 1, 3)), CPS_ERR_PEER, "was at step 0");
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 0)));
    check_fails(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 0)), CPS_ERR_PEER, "node 2");
    check_int(rig.post.outbox.count, 0, "answers");
    rig_release(&rig);
}

static void wrong_sizes_and_keys_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    struct cps_message wrong = read_message(&rig, 2, 0, 3);
    wrong.exchange.read_rows = 2;
    check_fails(hand(&rig.role, &rig.post, wrong), CPS_ERR_PEER, "payload");
    wrong = push_message(&rig, 2, 1, 0);
    wrong.exchange.has_push = false;
    check_fails(hand(&rig.role, &rig.post, wrong), CPS_ERR_PEER, "no push");
    check_fails(hand(&rig.role, &rig.post, read_message(&rig, 2, 0, KEYS)), CPS_ERR_PEER, "key 22");
    check_fails(hand(&rig.role, &rig.post, read_message(&rig, 2, 0, UINT32_MAX)), CPS_ERR_PEER,
                "does not live");
    struct cps_message grant = grant_message(&rig, STEPS, 4);
    grant.grant.steps = 5;
    check_fails(hand(&rig.role, &rig.post, grant), CPS_ERR_PEER, "payload");
    check_fails(hand(&rig.role, &rig.post, grant_message(&rig, STEPS, CPS_BLOCK_STEPS + 1)), CPS_ERR_PEER,
                "out of order");
    rig_release(&rig);
}

/* The tables of idle steps rest on the borders of blocks. */
static void only_whole_blocks_are_granted(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {1, STEPS - 1, STEPS + 1, CPS_BLOCK_STEPS, CPS_BLOCK_STEPS + 1};
    struct rig rig;
    rig_init(&rig);
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        check_fails(hand(&rig.role, &rig.post, grant_message(&rig, 0, wrong[i])), CPS_ERR_PEER, "out of order");
    struct cps_message empty = message_from(&rig.post, CPS_MESSAGE_GRANT, 0, 0);
    check_fails(hand(&rig.role, &rig.post, empty), CPS_ERR_PEER, "out of order");
    check_ok(hand(&rig.role, &rig.post, grant_message(&rig, 0, STEPS)));
    empty = message_from(&rig.post, CPS_MESSAGE_GRANT, 0, 0);
    empty.grant.first_step = STEPS;
    check_fails(hand(&rig.role, &rig.post, empty), CPS_ERR_PEER, "out of order");
    rig_release(&rig);
}

static void plans_for_another_job_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    struct cps_message plan = plan_message(&rig);
    plan.plan.servers = 0;
    check_fails(hand(&rig.role, &rig.post, plan), CPS_ERR_PEER, "servers");
    plan = plan_message(&rig);
    plan.plan.gradient_bits = 200;
    check_fails(hand(&rig.role, &rig.post, plan), CPS_ERR_PEER, "gradient_bits is 200");
    plan = plan_message(&rig);
    plan.plan.workers = 2;
    check_fails(hand(&rig.role, &rig.post, plan), CPS_ERR_PEER, "not for this job");
    check_ok(hand(&rig.role, &rig.post, plan_message(&rig)));
    rig_release(&rig);
}

static void messages_for_others_are_refused(void **state)
{
    (void)state;
    static const enum cps_message_kind kinds[] = {
        CPS_MESSAGE_HELLO, CPS_MESSAGE_READY, CPS_MESSAGE_ROWS,           CPS_MESSAGE_REPORT,
        CPS_MESSAGE_FAIL,  CPS_MESSAGE_KINDS, (enum cps_message_kind)1000};
    struct rig rig;
    rig_begin(&rig);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_fails(hand(&rig.role, &rig.post, message_from(&rig.post, kinds[i], 4, 0)), CPS_ERR_PEER,
                    "node 4 sent server 0 a");
    assert_non_null(strstr(cps_error_text(), "unknown"));
    rig_release(&rig);
}

static enum cps_status hand_all(struct rig *rig, struct cps_message *push)
{
    for (uint32_t node = 2; node < 5; node++)
        CPS_TRY(hand(&rig->role, &rig->post, push[node]));
    return CPS_OK;
}

static void divergence_is_told(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_message push[5];
    float wild = INFINITY;
    rig_begin(&rig);
    for (uint32_t node = 2; node < 5; node++)
        push[node] = push_message(&rig, node, 1, 0);
    memcpy(push[3].payload->data + 8, &wild, sizeof wild);
    check_ok(hand_all(&rig, push));
    check_int(rig.post.outbox.count, 1, "messages");
    const struct cps_message *told = &rig.post.outbox.messages[0];
    check_int(told->kind, CPS_MESSAGE_REPORT, "kind");
    check_int(told->report.diverged, CPS_DIVERGED_UPDATE, "divergence");
    check_int(told->report.diverged_step, 0, "its step");
    rig_release(&rig);
}

static void a_server_stops_as_told(void **state)
{
    (void)state;
    static const char told[] = "the disk is full\0make room";
    struct rig rig;
    rig_begin(&rig);
    struct cps_message stop = message_from(&rig.post, CPS_MESSAGE_STOP, 0, 0);
    stop.end.status = CPS_OK;
    check_ok(hand(&rig.role, &rig.post, stop));
    assert_true(rig.role.ops->done(rig.role.self));
    rig_release(&rig);

    rig_begin(&rig);
    stop = message_from(&rig.post, CPS_MESSAGE_STOP, 0, sizeof told);
    stop.end.status = CPS_ERR_STORAGE;
    memcpy(stop.payload->data, told, sizeof told);
    check_fails(hand(&rig.role, &rig.post, stop), CPS_ERR_STORAGE, "the disk is full");
    assert_string_equal(cps_error_hint(), "make room");
    assert_true(rig.role.ops->done(rig.role.self));
    rig_release(&rig);
}

/* One that goes down with exchanges waiting gives their payloads back. */
static void waiting_exchanges_are_released(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 2, 1, 0)));
    check_ok(hand(&rig.role, &rig.post, push_message(&rig, 3, 1, 0)));
    rig_release(&rig);
    cps_server_destroy(&rig.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_greets_once_and_gets_ready),
        cmocka_unit_test(only_whole_blocks_are_granted),
        cmocka_unit_test(plans_for_another_job_are_refused),
        cmocka_unit_test(nothing_is_done_before_the_plan),
        cmocka_unit_test(a_question_is_answered_at_once),
        cmocka_unit_test(a_push_waits_for_all_workers),
        cmocka_unit_test(a_push_waits_for_its_grant),
        cmocka_unit_test(an_epochs_end_is_reported),
        cmocka_unit_test(an_epochs_end_waits_to_be_passed),
        cmocka_unit_test(the_order_of_workers_leaves_no_trace),
        cmocka_unit_test(exchanges_out_of_step_are_refused),
        cmocka_unit_test(wrong_sizes_and_keys_are_refused),
        cmocka_unit_test(messages_for_others_are_refused),
        cmocka_unit_test(divergence_is_told),
        cmocka_unit_test(a_server_stops_as_told),
        cmocka_unit_test(waiting_exchanges_are_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
