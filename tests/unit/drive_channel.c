/* The reliable channel: two ends, and a network between them that the test plays. */
#include "common/drive/channel.h"
#include "tests/unit/check.h"

enum { A = 1, B = 2, BYTES = 40 };
static const uint64_t PATIENCE = 1000;

/* Frames as they left, to be delivered, lost or repeated at will. */
struct pair {
    struct cps_buffer_pool *pool;
    struct cps_channel a, b; /* of node A to B, and of node B to A */
    uint64_t said, heard, now;
};

static void pair_init(struct pair *self)
{
    *self = (struct pair){.now = 1};
    check_ok(cps_buffer_pool_create(&self->pool));
    cps_channel_init(&self->a, 0, PATIENCE);
    cps_channel_init(&self->b, 0, PATIENCE);
}

static void pair_release(struct pair *self)
{
    cps_channel_release(&self->a);
    cps_channel_release(&self->b);
    cps_buffer_pool_destroy(&self->pool);
}

/* A says the next of its messages, whose step numbers them. */
static void say(struct pair *self)
{
    struct cps_message message = {.kind = CPS_MESSAGE_EXCHANGE, .from = A, .to = B};
    message.exchange.step = self->said++;
    check_ok(cps_buffer_acquire(self->pool, BYTES, &message.payload));
    check_ok(cps_channel_send(&self->a, &message));
}

/* The next frame that channel wants to send, as the network holds it: with a payload of its own. */
static bool leave(struct pair *self, struct cps_channel *channel, struct cps_message *out)
{
    struct cps_message *frame = cps_channel_next(channel);
    if (!frame)
        return false;
    cps_channel_stamp(channel, frame);
    *out = *frame;
    if (out->payload)
        cps_buffer_retain(out->payload);
    cps_channel_sent(channel, self->now);
    return true;
}

static uint32_t leave_all(struct pair *self, struct cps_message *frames, uint32_t most)
{
    uint32_t count = 0;
    while (count < most && leave(self, &self->a, &frames[count]))
        count++;
    return count;
}

/* B gets frame, and hands on what is next in order: the steps in order of saying. */
static void arrive(struct pair *self, struct cps_message frame)
{
    bool ready;
    check_ok(cps_channel_receive(&self->b, &frame, self->now, &ready));
    for (; ready; ready = cps_channel_early(&self->b, &frame)) {
        check_int(frame.exchange.step, self->heard++, "step");
        cps_message_release(&frame);
    }
}

static struct cps_message again(const struct cps_message *frame)
{
    if (frame->payload)
        cps_buffer_retain(frame->payload);
    return *frame;
}

/* B tells A how far it is. */
static void acknowledge(struct pair *self)
{
    struct cps_message pulse = {.kind = CPS_MESSAGE_HEARTBEAT, .from = B, .to = A};
    bool ready;
    cps_channel_stamp(&self->b, &pulse);
    check_ok(cps_channel_receive(&self->a, &pulse, self->now, &ready));
    assert_true(ready);
}

static void frames_are_kept_until_acknowledged(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message frame = {0};
    pair_init(&pair);
    for (int i = 0; i < 3; i++)
        say(&pair);
    while (leave(&pair, &pair.a, &frame))
        arrive(&pair, frame);
    check_int(pair.heard, 3, "messages handed on");
    assert_false(cps_channel_settled(&pair.a));
    acknowledge(&pair);
    assert_true(cps_channel_settled(&pair.a));
    check_int(pair.a.sent, 0, "frames under way");
    check_int(pair.a.sent_bytes, 0, "bytes under way");
    pair_release(&pair);
}

static void a_lost_frame_is_sent_again(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message frames[8];
    pair_init(&pair);
    for (int i = 0; i < 5; i++)
        say(&pair);
    check_int(leave_all(&pair, frames, 8), 5, "frames");
    for (int i = 0; i < 5; i++)
        if (i == 1 || i == 4)
            cps_message_release(&frames[i]);
        else
            arrive(&pair, frames[i]);
    check_int(pair.heard, 1, "messages before the gap");
    acknowledge(&pair);
    pair.now += PATIENCE - 1;
    cps_channel_tick(&pair.a, pair.now);
    assert_false(leave(&pair, &pair.a, &frames[0]));
    pair.now++;
    cps_channel_tick(&pair.a, pair.now);
    uint32_t count = leave_all(&pair, frames, 8);
    check_int(count, 4, "frames sent again");
    for (uint32_t i = 0; i < count; i++)
        arrive(&pair, frames[i]);
    check_int(pair.heard, 5, "messages after the gap");
    check_int(pair.a.repeated, 4, "repetitions");
    check_int(pair.b.dropped, 2, "duplicates");
    acknowledge(&pair);
    assert_true(cps_channel_settled(&pair.a));
    pair_release(&pair);
}

/* Twice the wait each time, so that a stopped peer is not buried; back to the first once it answers. */
static void repetitions_become_rare(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message frame = {0};
    pair_init(&pair);
    say(&pair);
    assert_true(leave(&pair, &pair.a, &frame));
    cps_message_release(&frame);
    for (uint64_t wait = PATIENCE; wait < 8 * PATIENCE; wait *= 2) {
        pair.now += wait - 1;
        cps_channel_tick(&pair.a, pair.now);
        assert_false(leave(&pair, &pair.a, &frame));
        pair.now++;
        cps_channel_tick(&pair.a, pair.now);
        assert_true(leave(&pair, &pair.a, &frame));
        if (wait < 4 * PATIENCE)
            cps_message_release(&frame);
    }
    arrive(&pair, frame);
    acknowledge(&pair);
    check_int(pair.a.timeout_ns, PATIENCE, "timeout");
    pair_release(&pair);
}

static void order_and_copies_leave_no_trace(void **state)
{
    (void)state;
    enum { MESSAGES = 200 };
    static struct cps_message frames[MESSAGES];
    for (uint32_t seed = 0; seed < 50; seed++) {
        struct pair pair;
        pair_init(&pair);
        for (int i = 0; i < MESSAGES; i++)
            say(&pair);
        check_int(leave_all(&pair, frames, MESSAGES), MESSAGES, "frames");
        for (uint64_t left = MESSAGES, draw = 0; left > 0; draw += 2) {
            uint64_t place = test_below(30 + seed, draw, left);
            if (test_below(30 + seed, draw + 1, 4) == 0) {
                arrive(&pair, again(&frames[place]));
                continue;
            }
            arrive(&pair, frames[place]);
            frames[place] = frames[--left];
        }
        check_int(pair.heard, MESSAGES, "messages handed on with seed %u", seed);
        pair_release(&pair);
    }
}

/* What is further ahead than an honest peer may send takes no memory. */
static void far_frames_are_dropped(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
    static const uint64_t far[] = {CPS_CHANNEL_WINDOW, CPS_CHANNEL_WINDOW + 1, 1u << 30, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(far); i++) {
        struct cps_message frame = {.kind = CPS_MESSAGE_EXCHANGE, .from = A, .to = B, .sequence = far[i]};
        check_ok(cps_buffer_acquire(pair.pool, BYTES, &frame.payload));
        arrive(&pair, frame);
    }
    check_int(pair.b.dropped, COUNT_OF(far), "dropped");
    check_int(pair.b.early_count, 0, "kept");
    for (uint64_t sequence = CPS_CHANNEL_WINDOW - 1; sequence > 0; sequence--)
        arrive(&pair,
               (struct cps_message){.kind = CPS_MESSAGE_EXCHANGE, .from = A, .to = B, .sequence = sequence});
    check_int(pair.b.early_count, CPS_CHANNEL_WINDOW - 1, "kept");
    pair_release(&pair);
}

static void the_window_bounds_what_is_under_way(void **state)
{
    (void)state;
    static struct cps_message frames[2 * CPS_CHANNEL_WINDOW];
    struct pair pair;
    pair_init(&pair);
    for (uint32_t i = 0; i < 2 * CPS_CHANNEL_WINDOW; i++)
        say(&pair);
    check_int(leave_all(&pair, frames, 2 * CPS_CHANNEL_WINDOW), CPS_CHANNEL_WINDOW, "frames");
    for (uint32_t i = 0; i < CPS_CHANNEL_WINDOW; i++)
        arrive(&pair, frames[i]);
    acknowledge(&pair);
    check_int(leave_all(&pair, frames, 2 * CPS_CHANNEL_WINDOW), CPS_CHANNEL_WINDOW, "frames");
    for (uint32_t i = 0; i < CPS_CHANNEL_WINDOW; i++)
        arrive(&pair, frames[i]);
    check_int(pair.heard, 2 * CPS_CHANNEL_WINDOW, "messages");
    pair_release(&pair);
}

static void a_peer_that_takes_nothing_is_lost(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair);
    for (uint32_t i = 0; i < CPS_CHANNEL_BACKLOG; i++) {
        struct cps_message message = {.kind = CPS_MESSAGE_REPORT, .from = A, .to = B};
        check_ok(cps_channel_send(&pair.a, &message));
    }
    struct cps_message message = {.kind = CPS_MESSAGE_REPORT, .from = A, .to = B};
    check_fails(cps_channel_send(&pair.a, &message), CPS_ERR_PEER, "node 2 does not take");
    pair_release(&pair);
}

static void acknowledgements_of_the_unsent_are_dropped(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message frame = {0};
    bool ready;
    pair_init(&pair);
    say(&pair);
    assert_true(leave(&pair, &pair.a, &frame));
    cps_message_release(&frame);
    static const uint64_t acks[] = {2, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(acks); i++) {
        struct cps_message pulse = {.kind = CPS_MESSAGE_HEARTBEAT, .from = B, .to = A, .ack = acks[i]};
        check_ok(cps_channel_receive(&pair.a, &pulse, 1, &ready));
        assert_false(ready);
    }
    check_int(pair.a.kept.count, 1, "frames kept");
    pair_release(&pair);
}

static void an_acknowledgement_is_due_in_time(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message frame = {0};
    pair_init(&pair);
    assert_false(cps_channel_ack_due(&pair.b, 1u << 30));
    say(&pair);
    assert_true(leave(&pair, &pair.a, &frame));
    arrive(&pair, again(&frame));
    assert_false(cps_channel_ack_due(&pair.b, pair.now));
    assert_true(cps_channel_ack_due(&pair.b, pair.now + PATIENCE / 2));
    acknowledge(&pair);
    assert_false(cps_channel_ack_due(&pair.b, pair.now + PATIENCE / 2));
    /* A second copy means that the acknowledgement was lost. */
    arrive(&pair, frame);
    assert_true(cps_channel_ack_due(&pair.b, pair.now + PATIENCE / 2));
    pair_release(&pair);
}

/* A was started anew: B forgets what it knew of the first, and drops what is still on its way from it. */
static void a_node_started_anew_begins_at_zero(void **state)
{
    (void)state;
    struct pair pair;
    struct cps_message old[3], fresh = {0};
    pair_init(&pair);
    for (int i = 0; i < 3; i++)
        say(&pair);
    check_int(leave_all(&pair, old, 3), 3, "frames");
    arrive(&pair, old[0]);
    arrive(&pair, old[2]);
    struct cps_message reply = {.kind = CPS_MESSAGE_ROWS, .from = B, .to = A};
    check_ok(cps_channel_send(&pair.b, &reply));
    cps_channel_release(&pair.a);
    cps_channel_init(&pair.a, 1, PATIENCE);
    pair.said = pair.heard = 7;
    say(&pair);
    assert_true(leave(&pair, &pair.a, &fresh));
    arrive(&pair, fresh);
    check_int(pair.heard, 8, "messages of the new life");
    arrive(&pair, old[1]);
    check_int(pair.heard, 8, "messages after one of the old");
    assert_true(cps_channel_settled(&pair.b)); /* what waited for the first is for nobody */
    /* And what B sent to the first life is not for the second. */
    bool ready;
    struct cps_message late = {.kind = CPS_MESSAGE_ROWS, .from = B, .to = A};
    check_ok(cps_channel_receive(&pair.a, &late, 1, &ready));
    assert_false(ready);
    acknowledge(&pair);
    assert_true(cps_channel_settled(&pair.a));
    pair_release(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_kept_until_acknowledged),
        cmocka_unit_test(a_lost_frame_is_sent_again),
        cmocka_unit_test(repetitions_become_rare),
        cmocka_unit_test(order_and_copies_leave_no_trace),
        cmocka_unit_test(far_frames_are_dropped),
        cmocka_unit_test(the_window_bounds_what_is_under_way),
        cmocka_unit_test(a_peer_that_takes_nothing_is_lost),
        cmocka_unit_test(acknowledgements_of_the_unsent_are_dropped),
        cmocka_unit_test(an_acknowledgement_is_due_in_time),
        cmocka_unit_test(a_node_started_anew_begins_at_zero),
    };
    return cmocka_run_group_tests_name("drive: channel", tests, NULL, NULL);
}
