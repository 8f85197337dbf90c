/* The driver alone: nodes of one rank, errors, interrupts, silence. */
#include "tests/unit/check.h"

#include "common/base/clock.h"
#include "common/drive/driver.h"
#include "common/drive/ending.h"

enum { NODES = 3, ROUNDS = 100000 };

/* Node 0 tells the others to play; they send numbers to each other ROUNDS times; then all stop. */
struct player {
    uint32_t node;
    uint64_t next, fail_at; /* 0: never */
    enum cps_status fail_with;
    bool done, idle, interrupted;
    uint32_t beats;
    uint64_t first_tick_ns, stop_after_ns; /* 0: never */
    uint64_t stall_ns;                     /* in the first tick */
};

static enum cps_status say(struct cps_outbox *outbox, enum cps_message_kind kind, uint32_t to, uint64_t step)
{
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, kind, to, kind == CPS_MESSAGE_ROWS ? 64 : 0, &message));
    if (kind == CPS_MESSAGE_ROWS)
        message->rows.step = step;
    return CPS_OK;
}

static enum cps_status stop_all(struct player *self, struct cps_outbox *outbox)
{
    self->done = true;
    for (uint32_t to = 1; to < NODES; to++)
        CPS_TRY(say(outbox, CPS_MESSAGE_STOP, to, 0));
    return CPS_OK;
}

static enum cps_status play(struct player *self, const struct cps_message *message, struct cps_outbox *outbox)
{
    check_int(message->rows.step, self->next, "round at node %u", self->node);
    if (self->fail_at && self->next == self->fail_at)
        return cps_hint(cps_fail(self->fail_with, "node %u has had enough", self->node), "give it less");
    self->next += 2;
    if (message->rows.step == ROUNDS)
        return say(outbox, CPS_MESSAGE_REPORT, 0, 0);
    return say(outbox, CPS_MESSAGE_ROWS, message->from, message->rows.step + 1);
}

static enum cps_status on_message(void *opaque, struct cps_message *message, struct cps_outbox *outbox)
{
    struct player *self = opaque;
    switch (message->kind) {
    case CPS_MESSAGE_ROWS:
        return play(self, message, outbox);
    case CPS_MESSAGE_REPORT:
        return stop_all(self, outbox);
    case CPS_MESSAGE_HEARTBEAT:
        self->beats++;
        return CPS_OK;
    case CPS_MESSAGE_STOP:
        self->done = true;
        return message->end.status == CPS_OK ? CPS_OK : cps_message_end(message);
    default:
        return cps_fail(CPS_ERR_INTERNAL, "unexpected");
    }
}

static enum cps_status on_tick(void *opaque, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct player *self = opaque;
    bool first = self->first_tick_ns == 0;
    if (first) {
        self->first_tick_ns = now_ns;
        cps_sleep_ns(self->stall_ns);
    }
    assert_true(now_ns >= self->first_tick_ns);
    if (first && self->node == 1 && !self->idle)
        return say(outbox, CPS_MESSAGE_ROWS, 2, 0);
    if (self->stop_after_ns && now_ns - self->first_tick_ns > self->stop_after_ns)
        return stop_all(self, outbox);
    return CPS_OK;
}

static enum cps_status on_interrupt(void *opaque, enum cps_interrupt what, struct cps_outbox *outbox)
{
    struct player *self = opaque;
    check_int(what, CPS_INTERRUPT_STOP, "what the user wants");
    self->interrupted = true;
    return stop_all(self, outbox);
}

static bool is_done(const void *opaque)
{
    return ((const struct player *)opaque)->done;
}

static const struct cps_role_ops player_ops = {
    .on_message = on_message, .on_tick = on_tick, .on_interrupt = on_interrupt, .done = is_done};

static const struct cps_role_ops plain_ops = {.on_message = on_message, .on_tick = on_tick, .done = is_done};

static const uint32_t one_rank[NODES] = {0, 0, 0};

struct game {
    struct cps_buffer_pool *pool;
    struct player players[NODES];
    struct cps_driver *driver;
};

/* Node 1 plays even rounds of node 2's odd ones. */
static void set_up(struct game *game)
{
    memset(game, 0, sizeof *game);
    check_ok(cps_buffer_pool_create(&game->pool));
    for (uint32_t node = 0; node < NODES; node++)
        game->players[node].node = node;
    game->players[1].next = 1;
}

static void make_driver(struct game *game, const struct cps_role_ops *ops,
                        const volatile sig_atomic_t *interrupted)
{
    struct cps_role roles[NODES];
    for (uint32_t node = 0; node < NODES; node++)
        roles[node] = (struct cps_role){.ops = ops, .self = &game->players[node], .node = node};
    struct cps_driver_options options = {.route = {0, 1, NODES, 1, one_rank, NULL, 0},
                                         .run_id = 5,
                                         .pool = game->pool,
                                         .interrupted = interrupted};
    check_ok(cps_driver_create(&options, roles, NODES, &game->driver));
}

static void tear_down(struct game *game)
{
    cps_driver_destroy(&game->driver);
    cps_buffer_pool_destroy(&game->pool);
}

static void nodes_of_a_rank_talk_in_memory(void **state)
{
    (void)state;
    struct game game;
    set_up(&game);
    make_driver(&game, &player_ops, NULL);
    uint64_t start = cps_clock_ns();
    check_ok(cps_driver_run(game.driver));
    print_message("%.0f ns a message\n", (double)(cps_clock_ns() - start) / ROUNDS);
    const struct cps_transport_counters *counters = cps_driver_local_counters(game.driver);
    check_int(counters->sent[CPS_MESSAGE_ROWS], ROUNDS + 1, "rows sent");
    check_int(counters->received[CPS_MESSAGE_ROWS], ROUNDS + 1, "rows received");
    check_int(counters->sent_bytes[CPS_MESSAGE_ROWS], 64 * (ROUNDS + 1), "bytes");
    check_int(counters->sent[CPS_MESSAGE_STOP], NODES - 1, "stops");
    tear_down(&game);
}

static void errors_reach_everybody(void **state)
{
    (void)state;
    struct game game;
    set_up(&game);
    game.players[2].fail_at = 500;
    game.players[2].fail_with = CPS_ERR_DIVERGED;
    make_driver(&game, &player_ops, NULL);
    check_fails(cps_driver_run(game.driver), CPS_ERR_DIVERGED, "node 2 has had enough");
    assert_string_equal(cps_error_hint(), "give it less");
    const struct cps_transport_counters *counters = cps_driver_local_counters(game.driver);
    check_int(counters->sent[CPS_MESSAGE_FAIL] + counters->sent[CPS_MESSAGE_STOP], 0,
              "messages within a rank that ends");
    tear_down(&game);
}

static void interrupts_are_the_coordinators(void **state)
{
    (void)state;
    volatile sig_atomic_t interrupted = 1;
    struct game game;
    set_up(&game);
    game.players[1].idle = true;
    make_driver(&game, &player_ops, &interrupted);
    check_ok(cps_driver_run(game.driver));
    assert_true(game.players[0].interrupted);
    tear_down(&game);

    set_up(&game);
    game.players[1].idle = true;
    make_driver(&game, &plain_ops, &interrupted);
    check_fails(cps_driver_run(game.driver), CPS_ERR_INTERRUPTED, "interrupted");
    tear_down(&game);
}

static void hearts_beat_every_second(void **state)
{
    (void)state;
    struct game game;
    set_up(&game);
    game.players[1].idle = true;
    game.players[0].stop_after_ns = 2500000000u;
    make_driver(&game, &player_ops, NULL);
    uint64_t start = cps_clock_ns();
    check_ok(cps_driver_run(game.driver));
    /* A machine that stalls makes the run longer, and may lose beats, but brings none before its second. */
    uint64_t seconds = (cps_clock_ns() - start) / 1000000000u;
    assert_true(game.players[0].beats >= NODES - 1);
    assert_true(game.players[0].beats <= seconds * (NODES - 1));
    check_int(game.players[1].beats + game.players[2].beats, 0, "heartbeats elsewhere");
    tear_down(&game);
}

/* A transport that loses all it is given and brings the messages it holds. */
struct void_transport {
    struct cps_transport base;
    struct cps_message held;
    bool holds;
    uint32_t lost, late; /* late: calls before the held one comes */
    bool repeats;        /* and comes again, as rarely as before */
    uint32_t again;
};

static enum cps_status void_send(struct cps_transport *base, const struct cps_message *message, bool *sent)
{
    (void)message;
    ((struct void_transport *)base)->lost++;
    *sent = true;
    return CPS_OK;
}

static enum cps_status void_receive(struct cps_transport *base, struct cps_message *out, bool *received)
{
    struct void_transport *self = (struct void_transport *)base;
    *received = self->holds && self->late == 0;
    if (*received) {
        *out = self->held;
        self->holds = self->repeats;
        self->late = self->again;
    } else if (self->late) {
        self->late--;
    }
    return CPS_OK;
}

static void void_wait(struct cps_transport *base, uint64_t ns)
{
    (void)base;
    cps_sleep_ns(ns);
}

static bool void_idle(struct cps_transport *base)
{
    (void)base;
    return true;
}

static const struct cps_transport_ops void_ops = {
    .send = void_send, .receive = void_receive, .wait = void_wait, .idle = void_idle};

/* A rank with node 1 alone; node 0 is elsewhere. */
static enum cps_status run_alone(struct void_transport *transport, struct player *player,
                                 struct cps_buffer_pool *pool)
{
    static const uint32_t ranks[NODES] = {0, 1, 2};
    struct cps_role role = {.ops = &player_ops, .self = player, .node = 1};
    struct cps_driver_options options = {.route = {1, 3, NODES, 1, ranks, NULL, 0},
                                         .run_id = 5,
                                         .pool = pool,
                                         .control = &transport->base,
                                         .peer_timeout_ns = 1200000000u};
    struct cps_driver *driver;
    check_ok(cps_driver_create(&options, &role, 1, &driver));
    enum cps_status status = cps_driver_run(driver);
    cps_driver_destroy(&driver);
    return status;
}

static void silence_of_the_coordinator_ends_a_rank(void **state)
{
    (void)state;
    struct void_transport transport = {.base.ops = &void_ops};
    struct player player = {.node = 1, .idle = true};
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    uint64_t start = cps_clock_ns();
    check_fails(run_alone(&transport, &player, pool), CPS_ERR_PEER, "coordinator (rank 0) for 1.");
    double seconds = (double)(cps_clock_ns() - start) / 1e9;
    assert_true(seconds >= 1.2);
    /* Four a timeout, fewer on a machine that stalls. */
    assert_true(transport.lost >= 1 && transport.lost <= 4 * seconds / 1.2);
    cps_buffer_pool_destroy(&pool);
}

/* However much another node says. */
static void others_do_not_speak_for_the_coordinator(void **state)
{
    (void)state;
    struct void_transport transport = {
        .base.ops = &void_ops,
        .holds = true,
        .repeats = true,
        .again = 3,
        .held = {.kind = CPS_MESSAGE_HEARTBEAT, .from = 2, .to = 1, .run_id = 5}};
    struct player player = {.node = 1, .idle = true};
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    check_fails(run_alone(&transport, &player, pool), CPS_ERR_PEER, "coordinator (rank 0) for 1.");
    cps_buffer_pool_destroy(&pool);
}

/* The first error is the one that is told, in words that were set aside for it. */
static void an_ending_needs_no_memory_and_keeps_the_first_error(void **state)
{
    (void)state;
    struct cps_ending ending;
    struct cps_message first = {.kind = CPS_MESSAGE_FAIL}, second = {.kind = CPS_MESSAGE_STOP};
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    check_ok(cps_ending_init(&ending, pool));
    check_int(cps_ending_recall(&ending), CPS_OK, "nothing so far");
    cps_hint(cps_fail(CPS_ERR_MEMORY, "out of it"), "buy some");
    cps_ending_note(&ending, CPS_ERR_MEMORY);
    cps_fail(CPS_ERR_PEER, "something else");
    cps_ending_note(&ending, CPS_ERR_PEER);
    cps_ending_say(&ending, &first);
    cps_ending_say(&ending, &second);
    assert_ptr_equal(first.payload, second.payload);
    check_fails(cps_message_end(&second), CPS_ERR_MEMORY, "out of it");
    assert_string_equal(cps_error_hint(), "buy some");
    check_fails(cps_ending_recall(&ending), CPS_ERR_MEMORY, "out of it");
    cps_message_release(&first);
    cps_message_release(&second);
    cps_ending_release(&ending);
    cps_buffer_pool_destroy(&pool);
}

static void a_stop_with_an_error_is_the_ranks_own(void **state)
{
    (void)state;
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    struct void_transport transport = {
        .base.ops = &void_ops,
        .holds = true,
        .held = {.kind = CPS_MESSAGE_STOP, .from = 0, .to = 1, .run_id = 5, .end = {CPS_ERR_DATA}}};
    struct player player = {.node = 1, .idle = true};
    check_fails(run_alone(&transport, &player, pool), CPS_ERR_DATA, cps_status_text(CPS_ERR_DATA));
    assert_true(player.done);
    cps_buffer_pool_destroy(&pool);
}

/* A rank that was stopped for longer than a peer may be silent goes on where it was. */
static void time_away_is_not_silence(void **state)
{
    (void)state;
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    struct void_transport transport = {.base.ops = &void_ops,
                                       .holds = true,
                                       .late = 2,
                                       .held = {.kind = CPS_MESSAGE_STOP, .from = 0, .to = 1, .run_id = 5}};
    struct player player = {.node = 1, .idle = true, .stall_ns = 2000000000u};
    check_ok(run_alone(&transport, &player, pool));
    assert_true(player.done);
    cps_buffer_pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_of_a_rank_talk_in_memory),
        cmocka_unit_test(errors_reach_everybody),
        cmocka_unit_test(interrupts_are_the_coordinators),
        cmocka_unit_test(hearts_beat_every_second),
        cmocka_unit_test(silence_of_the_coordinator_ends_a_rank),
        cmocka_unit_test(an_ending_needs_no_memory_and_keeps_the_first_error),
        cmocka_unit_test(time_away_is_not_silence),
        cmocka_unit_test(a_stop_with_an_error_is_the_ranks_own),
        cmocka_unit_test(others_do_not_speak_for_the_coordinator),
    };
    return cmocka_run_group_tests_name("net: driver", tests, NULL, NULL);
}
