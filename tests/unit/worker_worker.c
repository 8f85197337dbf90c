/* The worker as a state machine, its servers and coordinator played by the test. */
#include "worker/worker.h"
#include "common/model/exact.h"
#include "tests/unit/roles.h"

enum {
    SERVERS = 2,
    NODE = 1 + SERVERS,
    NODES = NODE + 1,
    WIDTH = 6,
    TRAIN = 43,
    VALID = 17,
    EPOCHS = 2,
    STEPS = 5
};

struct rig {
    struct cps_plan plan;
    struct cps_dataset dataset;
    uint32_t user[TRAIN + VALID], movie[TRAIN + VALID], index[TRAIN];
    float rating[TRAIN + VALID];
    struct cps_worker *worker;
    struct cps_role role;
    struct post post;
    uint64_t reported; /* steps */
    double train_sum;  /* of their squared errors */
    double valid_sum[EPOCHS];
    uint32_t valid_reports, pushed_steps;
};

static void rig_init(struct rig *self)
{
    *self = (struct rig){.plan = small_plan()};
    self->plan.servers = SERVERS;
    self->plan.epochs = EPOCHS;
    self->plan.train_count = TRAIN;
    self->plan.valid_count = VALID;
    for (uint32_t i = 0; i < TRAIN + VALID; i++) {
        self->user[i] = (uint32_t)test_below(0, i, self->plan.user_rows);
        self->movie[i] = (uint32_t)test_below(1, i, self->plan.movie_rows);
        self->rating[i] = (float)(1 + test_below(2, i, 5));
        if (i < TRAIN)
            self->index[i] = i;
    }
    self->dataset.train = (struct cps_samples){TRAIN, self->user, self->movie, self->rating, self->index};
    self->dataset.valid =
        (struct cps_samples){VALID, self->user + TRAIN, self->movie + TRAIN, self->rating + TRAIN, NULL};
    self->dataset.train_count = TRAIN;
    self->dataset.valid_count = VALID;
    self->dataset.sample_bytes = 4321;
    self->dataset.fingerprint[5] = 77;
    check_ok(cps_worker_create(NODE, &self->dataset, &cps_kernels_scalar, NULL, NULL, &self->worker));
    self->role = cps_worker_role(self->worker);
    post_init(&self->post, NODE, NODES);
}

static void rig_release(struct rig *self)
{
    cps_worker_destroy(&self->worker);
    assert_null(self->worker);
    post_release(&self->post);
}

static enum cps_status say(struct rig *rig, struct cps_message message)
{
    return hand(&rig->role, &rig->post, message);
}

/* Leave to train steps, whose hyper-parameters a worker does not look at. */
static struct cps_message grant_of(struct rig *self, uint64_t first, uint32_t steps)
{
    struct cps_message grant = message_from(&self->post, CPS_MESSAGE_GRANT, 0, 2 * steps * sizeof(double));
    grant.grant = (struct cps_grant){.first_step = first, .steps = steps};
    return grant;
}

/* Up to the first exchanges. */
static void rig_begin(struct rig *self)
{
    rig_init(self);
    struct cps_message plan = message_from(&self->post, CPS_MESSAGE_PLAN, 0, 0);
    plan.plan = self->plan;
    check_ok(say(self, plan));
    check_int(self->post.outbox.count, 1, "messages");
    check_int(self->post.outbox.messages[0].kind, CPS_MESSAGE_READY, "kind");
    post_clear(&self->post);
    check_ok(say(self, grant_of(self, 0, EPOCHS * STEPS)));
}

/* Servers whose rows never change: this worker's losses are those of one fixed model. */
static float weight_of(uint32_t key, uint32_t column)
{
    return (float)(0.3 * test_normal(3, key * WIDTH + column));
}

static double squared_error(const struct rig *rig, uint32_t sample)
{
    uint32_t user = rig->user[sample], movie = cps_plan_movie_key(&rig->plan, rig->movie[sample]);
    double score = (double)weight_of(user, 5) + (double)weight_of(movie, 5);
    for (uint32_t j = 0; j < 5; j++)
        score += (double)weight_of(user, j) * (double)weight_of(movie, j);
    return pow(score - (double)rig->rating[sample], 2.0);
}

static struct cps_message answer_to(struct rig *rig, const struct cps_message *exchange)
{
    const struct cps_exchange *body = &exchange->exchange;
    uint32_t rows = body->pull_rows + body->read_rows, pushed = body->sum_rows + body->single_rows + body->scaled;
    struct cps_message answer =
        message_from(&rig->post, CPS_MESSAGE_ROWS, exchange->to, rows * WIDTH * sizeof(float));
    answer.rows = (struct cps_rows){.step = body->step, .ticket = body->ticket, .rows = rows};
    check_ok(cps_message_check(exchange, WIDTH));
    if (rows == 0)
        return answer;
    const uint8_t *keys = exchange->payload->data + exchange->payload->size - rows * sizeof(uint32_t);
    float *out = (float *)(void *)answer.payload->data;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t key;
        memcpy(&key, keys + i * sizeof key, sizeof key);
        check_int(key % SERVERS, exchange->to - 1, "server of key %u", key);
        for (uint32_t j = 0; j < WIDTH; j++)
            *out++ = weight_of(key, j);
    }
    assert_true(body->has_push || pushed == 0);
    return answer;
}

static void take_report(struct rig *rig, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    check_ok(cps_message_check(message, 0));
    check_int(report->first_step, rig->reported, "first step reported");
    rig->reported += report->steps;
    for (uint32_t i = 0; i < report->steps; i++) {
        struct cps_loss_sum sum;
        memcpy(&sum, message->payload->data + i * sizeof sum, sizeof sum);
        rig->train_sum += cps_loss_value((cps_int128)((unsigned __int128)sum.high << 64 | sum.low));
    }
    if (!report->has_valid)
        return;
    check_int(report->valid_count, VALID, "validation ratings");
    check_int(report->epoch, rig->valid_reports, "epoch");
    check_int(rig->reported, STEPS * (rig->valid_reports + 1u), "steps reported by the end of the epoch");
    rig->valid_sum[rig->valid_reports++] =
        cps_loss_value((cps_int128)((unsigned __int128)report->valid_sum.high << 64 | report->valid_sum.low));
}

/* Answers everything until the worker has nothing more to ask. */
static void serve(struct rig *rig)
{
    while (rig->post.outbox.count) {
        struct cps_message sent[8];
        size_t count = rig->post.outbox.count;
        assert_true(count <= COUNT_OF(sent));
        memcpy(sent, rig->post.outbox.messages, count * sizeof *sent);
        rig->post.outbox.count = 0;
        for (size_t i = count; i-- > 0;) { /* servers answer in the other order */
            if (sent[i].kind == CPS_MESSAGE_REPORT)
                take_report(rig, &sent[i]);
            if (sent[i].kind == CPS_MESSAGE_EXCHANGE) {
                rig->pushed_steps += sent[i].exchange.has_push && sent[i].to == 1;
                check_ok(say(rig, answer_to(rig, &sent[i])));
            }
            cps_message_release(&sent[i]);
        }
    }
}

static void a_worker_says_what_it_holds(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    for (uint64_t now = 1; now < 4; now++)
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
    check_int(rig.post.outbox.count, 1, "messages");
    const struct cps_message *hello = &rig.post.outbox.messages[0];
    check_int(hello->kind, CPS_MESSAGE_HELLO, "kind");
    assert_true(hello->hello.has_data);
    check_int(hello->hello.train_count, TRAIN, "training ratings");
    check_int(hello->hello.valid_count, VALID, "validation ratings");
    check_int(hello->hello.sample_bytes, 4321, "bytes");
    assert_memory_equal(hello->hello.fingerprint, rig.dataset.fingerprint, CPS_SHA256_BYTES);
    rig_release(&rig);
}

static void the_first_grant_begins(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    check_int(rig.post.outbox.count, SERVERS, "exchanges");
    for (uint32_t server = 0; server < SERVERS; server++) {
        const struct cps_message *exchange = &rig.post.outbox.messages[server];
        check_int(exchange->kind, CPS_MESSAGE_EXCHANGE, "kind");
        check_int(exchange->to, 1 + server, "to");
        check_int(exchange->exchange.step, 0, "step");
        check_int(exchange->exchange.has_push, false, "has_push");
        check_int(exchange->exchange.read_rows, 0, "read rows");
    }
    check_ok(say(&rig, grant_of(&rig, EPOCHS * STEPS, 1)));
    check_int(rig.post.outbox.count, SERVERS, "exchanges after another grant");
    static const uint64_t wrong[][2] = {
        {0, 1}, {EPOCHS * STEPS, 1}, {EPOCHS * STEPS + 2, 1}, {EPOCHS * STEPS + 1, 0}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        check_fails(say(&rig, grant_of(&rig, wrong[i][0], (uint32_t)wrong[i][1])), CPS_ERR_PEER,
                    "out of order");
    rig_release(&rig);
}

/* A worker that computed a step beyond its grant reported it, too: a coordinator that had not heard of the
 * others yet had to refuse the report, and the run died. */
static void no_step_is_computed_before_its_grant(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_awaited awaited;
    rig_init(&rig);
    struct cps_message plan = message_from(&rig.post, CPS_MESSAGE_PLAN, 0, 0);
    plan.plan = rig.plan;
    check_ok(say(&rig, plan));
    post_clear(&rig.post);
    check_ok(say(&rig, grant_of(&rig, 0, 2)));
    serve(&rig);
    check_int(rig.pushed_steps, 2, "steps pushed under the first grant");
    check_ok(rig.role.ops->on_tick(rig.role.self, 1000000000, &rig.post.outbox)); /* says hello */
    check_ok(rig.role.ops->on_tick(rig.role.self, 2000000000, &rig.post.outbox));
    check_int(rig.post.outbox.messages[1].report.steps, 2, "steps reported under the first grant");
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    check_int(awaited.node, 0, "owing node");
    check_int(awaited.number, 2, "step waited for");
    serve(&rig);
    check_ok(say(&rig, grant_of(&rig, 2, EPOCHS * STEPS - 2)));
    serve(&rig);
    check_int(rig.pushed_steps, EPOCHS * STEPS, "steps pushed in all");
    check_int(rig.reported, EPOCHS * STEPS, "steps reported in all");
    rig_release(&rig);
}

static void a_worker_knows_which_server_owes_it_rows(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_awaited awaited;
    rig_begin(&rig);
    struct cps_message first = answer_to(&rig, &rig.post.outbox.messages[0]);
    post_clear(&rig.post);
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    check_int(awaited.node, 1, "owing node");
    if (first.payload)
        cps_buffer_retain(first.payload);
    check_ok(say(&rig, first));
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    check_int(awaited.node, 2, "owing node");
    assert_string_equal(awaited.what, "the rows of step");
    /* A second answer counts for nobody else's. */
    check_fails(say(&rig, first), CPS_ERR_PEER, "server 0 sent rows that match no");
    rig_release(&rig);
}

/* One round trip a step and server: the push and the next pull are one exchange. */
static void a_step_is_one_exchange(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    struct cps_message first = answer_to(&rig, &rig.post.outbox.messages[0]);
    struct cps_message second = answer_to(&rig, &rig.post.outbox.messages[1]);
    post_clear(&rig.post);
    check_ok(say(&rig, second));
    check_int(rig.post.outbox.count, 0, "exchanges before all have answered");
    check_ok(say(&rig, first));
    check_int(rig.post.outbox.count, SERVERS, "exchanges");
    for (uint32_t server = 0; server < SERVERS; server++) {
        const struct cps_message *exchange = &rig.post.outbox.messages[server];
        check_int(exchange->exchange.step, 1, "step");
        assert_true(exchange->exchange.has_push);
        check_ok(cps_message_check(exchange, WIDTH));
    }
    rig_release(&rig);
}

static void losses_are_those_of_the_samples(void **state)
{
    (void)state;
    struct rig rig;
    double valid = 0.0, trained = 0.0;
    rig_begin(&rig);
    serve(&rig);
    check_int(rig.pushed_steps, STEPS * EPOCHS, "pushed steps");
    check_int(rig.reported, STEPS * EPOCHS, "reported steps");
    check_int(rig.valid_reports, EPOCHS, "validation losses");
    for (uint32_t i = 0; i < VALID; i++)
        valid += squared_error(&rig, TRAIN + i);
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
        check_near(rig.valid_sum[epoch], valid, 1e-5 * valid, "validation errors of epoch %u", epoch);
    /* 40 of 43 samples an epoch, those that its batches have. */
    struct cps_batches batches;
    const uint32_t *samples;
    check_ok(cps_batches_init(&batches, &rig.plan, &rig.dataset.train, NULL));
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        check_ok(cps_batches_begin(&batches, epoch));
        for (uint64_t step = 0; step < STEPS; step++)
            for (uint32_t i = cps_batches_step(&batches, step, &samples); i > 0; i--)
                trained += squared_error(&rig, samples[i - 1]);
    }
    cps_batches_release(&batches);
    check_near(rig.train_sum, trained, 1e-5 * trained, "training errors");
    rig_release(&rig);
}

static void answers_to_other_questions_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    for (int wrong = 0; wrong < 4; wrong++) {
        struct cps_message answer = answer_to(&rig, &rig.post.outbox.messages[0]);
        answer.rows.ticket += wrong == 0;
        answer.rows.step += wrong == 1;
        answer.rows.rows -= wrong >= 2;
        answer.payload->size -= wrong == 2 ? WIDTH * sizeof(float) : 0;
        check_fails(say(&rig, answer), CPS_ERR_PEER, wrong < 3 ? "no outstanding" : "payload");
    }
    rig_release(&rig);
}

static void messages_for_others_are_refused(void **state)
{
    (void)state;
    static const enum cps_message_kind kinds[] = {CPS_MESSAGE_HELLO,    CPS_MESSAGE_READY, CPS_MESSAGE_REPORT,
                                                  CPS_MESSAGE_EXCHANGE, CPS_MESSAGE_FAIL,  CPS_MESSAGE_KINDS};
    struct rig rig;
    rig_begin(&rig);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_fails(say(&rig, message_from(&rig.post, kinds[i], 1, 0)), CPS_ERR_PEER,
                    "node 1 sent worker node 3 a");
    rig_release(&rig);
}

static void divergence_names_the_rows(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    struct cps_message answers[SERVERS];
    for (int server = 0; server < SERVERS; server++)
        answers[server] = answer_to(&rig, &rig.post.outbox.messages[server]);
    post_clear(&rig.post);
    float wild = 1e30f;
    memcpy(answers[0].payload->data + 5 * sizeof wild, &wild, sizeof wild);
    check_ok(say(&rig, answers[0]));
    check_ok(say(&rig, answers[1]));
    check_int(rig.post.outbox.count, 1, "messages");
    const struct cps_message *told = &rig.post.outbox.messages[0];
    check_int(told->kind, CPS_MESSAGE_REPORT, "kind");
    check_int(told->report.steps, 0, "steps with a loss");
    check_int(told->report.diverged, CPS_DIVERGED_ERROR, "divergence");
    check_int(told->report.diverged_step, 0, "its step");
    assert_in_range(told->report.user_row, 1, rig.plan.user_rows - 1);
    assert_in_range(told->report.movie_row, 1, rig.plan.movie_rows - 1);
    rig_release(&rig);
}

static void a_worker_stops_as_told(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig);
    assert_false(rig.role.ops->done(rig.role.self));
    struct cps_message stop = message_from(&rig.post, CPS_MESSAGE_STOP, 0, 0);
    stop.end.status = CPS_ERR_PEER;
    check_fails(say(&rig, stop), CPS_ERR_PEER, "a peer was lost");
    assert_true(rig.role.ops->done(rig.role.self));
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_says_what_it_holds),
        cmocka_unit_test(the_first_grant_begins),
        cmocka_unit_test(no_step_is_computed_before_its_grant),
        cmocka_unit_test(a_worker_knows_which_server_owes_it_rows),
        cmocka_unit_test(a_step_is_one_exchange),
        cmocka_unit_test(losses_are_those_of_the_samples),
        cmocka_unit_test(answers_to_other_questions_are_refused),
        cmocka_unit_test(messages_for_others_are_refused),
        cmocka_unit_test(divergence_names_the_rows),
        cmocka_unit_test(a_worker_stops_as_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
