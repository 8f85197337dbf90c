/* Checkpoints from the coordinator's side, its servers and the sink played by the test. */
#include "server/coordinator/saves.h"
#include "tests/unit/roles.h"

enum { SERVERS = 2, WORKERS = 3, NODES = 1 + SERVERS + WORKERS };

struct sink {
    uint64_t marked, begun, skipped;
    uint32_t rows, ends, room;
    enum cps_save_outcome outcome;
};

static void on_mark(void *context, struct cps_save_mark *mark)
{
    ((struct sink *)context)->marked = mark->step;
}

static void on_begin(void *context, const struct cps_save_mark *mark)
{
    ((struct sink *)context)->begun = mark->step;
}

static void on_rows(void *context, uint32_t server, const struct cps_state *state, struct cps_buffer *payload)
{
    (void)server, (void)payload;
    ((struct sink *)context)->rows += state->rows;
}

static bool reserve(void *context)
{
    struct sink *sink = context;
    return sink->room > 0 && sink->room--;
}

static void on_end(void *context)
{
    ((struct sink *)context)->ends++;
}

static enum cps_save_outcome outcome(void *context)
{
    return ((struct sink *)context)->outcome;
}

static void on_skip(void *context, const struct cps_save_mark *mark)
{
    ((struct sink *)context)->skipped = mark->step;
}

struct rig {
    struct cps_plan plan;
    struct sink sink;
    struct cps_saves saves;
    struct post post;
};

static void rig_init(struct rig *self, uint64_t save_every)
{
    *self = (struct rig){.plan = small_plan(), .sink.room = 100};
    self->plan.servers = SERVERS;
    self->plan.workers = WORKERS;
    self->plan.save_every = save_every;
    const struct cps_save_sink sink = {.context = &self->sink,
                                       .mark = on_mark,
                                       .begin = on_begin,
                                       .rows = on_rows,
                                       .reserve = reserve,
                                       .end = on_end,
                                       .outcome = outcome,
                                       .skip = on_skip};
    check_ok(cps_saves_init(&self->saves, &self->plan, &sink));
    post_init(&self->post, 0, NODES);
}

static void rig_release(struct rig *self)
{
    cps_saves_release(&self->saves);
    post_release(&self->post);
}

/* A server's KEPT. */
static enum cps_status kept(struct rig *rig, uint32_t server, enum cps_snapshot_action action, uint64_t step,
                            uint64_t finished)
{
    struct cps_message message = message_from(&rig->post, CPS_MESSAGE_KEPT, 1 + server, 0);
    message.snapshot = (struct cps_snapshot){.step = step, .action = action};
    return cps_saves_on_kept(&rig->saves, &message, finished, &rig->post.outbox);
}

/* The messages sent since the last call: all of one kind, so many of them; the last one. */
static struct cps_message sent(struct rig *rig, enum cps_message_kind kind, size_t count)
{
    check_int(rig->post.outbox.count, count, "messages");
    struct cps_message last = count ? rig->post.outbox.messages[count - 1] : (struct cps_message){0};
    for (size_t i = 0; i < count; i++)
        check_int(rig->post.outbox.messages[i].kind, kind, "kind");
    post_clear(&rig->post);
    return last;
}

/* All that was asked of the servers, until there is nothing more. */
static void give_rows(struct rig *rig)
{
    for (size_t i = 0; i < rig->post.outbox.count; i++) {
        const struct cps_state asked = rig->post.outbox.messages[i].state;
        uint32_t from = rig->post.outbox.messages[i].to;
        if (rig->post.outbox.messages[i].kind != CPS_MESSAGE_FETCH || asked.rows == 0)
            continue;
        uint32_t words = cps_plan_state_words(&rig->plan);
        struct cps_message state =
            message_from(&rig->post, CPS_MESSAGE_STATE, from, asked.rows * words * sizeof(uint32_t));
        state.state = asked;
        state.state.words = words;
        check_ok(cps_saves_on_state(&rig->saves, &state, &rig->post.outbox));
        cps_message_release(&state);
    }
    post_clear(&rig->post);
}

static void mark(struct rig *rig, uint64_t step)
{
    assert_true(cps_saves_wants_mark(&rig->saves, step));
    check_ok(cps_saves_mark(&rig->saves, (struct cps_save_mark){.step = step}, &rig->post.outbox));
    check_int(rig->sink.marked, step, "step marked");
}

static void one_that_is_asked_for_takes_the_furthest_step(void **state)
{
    static const struct {
        uint64_t held[SERVERS], finished, want;
    } cases[] = {{{5, 5}, 4, 5}, {{5, 6}, 4, 6}, {{6, 5}, 5, 6}, {{5, 5}, 6, 6}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, 0);
        check_ok(cps_saves_ask(&rig.saves, true, &rig.post.outbox));
        check_int(sent(&rig, CPS_MESSAGE_SNAPSHOT, SERVERS).snapshot.action, CPS_SNAPSHOT_HOLD, "asked");
        check_ok(kept(&rig, 0, CPS_SNAPSHOT_HOLD, cases[i].held[0], cases[i].finished));
        check_int(rig.post.outbox.count, 0, "messages before all are held");
        check_ok(kept(&rig, 1, CPS_SNAPSHOT_HOLD, cases[i].held[1], cases[i].finished));
        struct cps_message take = sent(&rig, CPS_MESSAGE_SNAPSHOT, SERVERS + WORKERS);
        check_int(take.snapshot.action, CPS_SNAPSHOT_TAKE, "asked");
        check_int(take.snapshot.step, cases[i].want, "step to save");
        assert_false(cps_saves_wants_mark(&rig.saves, cases[i].want - 1));
        mark(&rig, cases[i].want);
        rig_release(&rig);
    }
}

static void a_run_that_is_told_to_stop_ends_once_it_is_saved(void **state)
{
    (void)state;
    for (int valid = 0; valid < 2; valid++) {
        struct rig rig;
        rig_init(&rig, 0);
        check_ok(cps_saves_ask(&rig.saves, true, &rig.post.outbox));
        for (uint32_t server = 0; server < SERVERS; server++)
            check_ok(kept(&rig, server, CPS_SNAPSHOT_HOLD, 7, 7));
        mark(&rig, 7);
        for (uint32_t server = 0; server < SERVERS; server++)
            check_ok(kept(&rig, server, CPS_SNAPSHOT_TAKE, 7, 7));
        check_int(rig.sink.begun, 7, "step begun");
        give_rows(&rig);
        check_int(rig.sink.rows, cps_plan_keys(&rig.plan), "rows");
        check_int(rig.sink.ends, 1, "ends");
        check_ok(cps_saves_on_tick(&rig.saves, &rig.post.outbox));
        rig.sink.outcome = valid ? CPS_SAVE_VALID : CPS_SAVE_FAILED;
        check_int(cps_saves_on_tick(&rig.saves, &rig.post.outbox), valid ? CPS_ERR_PREEMPTED : CPS_ERR_STORAGE,
                  "end");
        rig_release(&rig);
    }
}

static void one_that_a_server_refuses_is_given_up(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 10);
    assert_false(cps_saves_wants_mark(&rig.saves, 9));
    mark(&rig, 10);
    check_ok(kept(&rig, 0, CPS_SNAPSHOT_TAKE, 10, 12));
    check_ok(kept(&rig, 1, CPS_SNAPSHOT_REFUSED, 10, 12));
    check_int(rig.sink.skipped, 10, "step given up");
    check_int(rig.sink.begun, 0, "step begun");
    struct cps_message dropped = sent(&rig, CPS_MESSAGE_FETCH, SERVERS);
    check_int(dropped.state.rows, 0, "rows of the copy that is no longer needed");
    check_int(dropped.state.step, 10, "its step");
    rig_release(&rig);
}

static void rows_wait_for_room(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 10);
    rig.sink.room = 1;
    mark(&rig, 10);
    for (uint32_t server = 0; server < SERVERS; server++)
        check_ok(kept(&rig, server, CPS_SNAPSHOT_TAKE, 10, 10));
    check_int(rig.post.outbox.count, 1, "rows asked for");
    give_rows(&rig);
    check_ok(cps_saves_on_tick(&rig.saves, &rig.post.outbox));
    check_int(rig.post.outbox.count, 0, "rows asked for without room");
    rig.sink.room = 1;
    check_ok(cps_saves_on_tick(&rig.saves, &rig.post.outbox));
    give_rows(&rig);
    check_int(rig.sink.rows, cps_plan_keys(&rig.plan), "rows");
    check_int(rig.sink.ends, 1, "ends");
    rig_release(&rig);
}

static void what_nobody_asked_for_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 10);
    check_int(kept(&rig, 0, CPS_SNAPSHOT_HOLD, 3, 3), CPS_ERR_PEER, "a hold");
    check_int(kept(&rig, SERVERS, CPS_SNAPSHOT_TAKE, 10, 10), CPS_ERR_PEER, "a worker's copy");
    struct cps_message rows = message_from(&rig.post, CPS_MESSAGE_STATE, 1, 0);
    check_int(cps_saves_on_state(&rig.saves, &rows, &rig.post.outbox), CPS_ERR_PEER, "rows");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_asked_for_takes_the_furthest_step),
        cmocka_unit_test(a_run_that_is_told_to_stop_ends_once_it_is_saved),
        cmocka_unit_test(one_that_a_server_refuses_is_given_up),
        cmocka_unit_test(rows_wait_for_room),
        cmocka_unit_test(what_nobody_asked_for_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
