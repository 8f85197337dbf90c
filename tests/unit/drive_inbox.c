/* The inbox under every order, with second copies and strangers. */
#include "tests/unit/check.h"

#include "common/drive/inbox.h"

enum { PEERS = 3, EACH = 40, COPIES = 2, RUN = 7 };

static struct cps_buffer_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    return cps_buffer_pool_create(&pool) != CPS_OK;
}

static int drop_pool(void **state)
{
    (void)state;
    cps_buffer_pool_destroy(&pool);
    return 0;
}

static struct cps_message message_of(uint32_t from, uint64_t sequence, uint64_t run_id)
{
    struct cps_message message = {
        .kind = CPS_MESSAGE_ROWS, .from = from, .sequence = sequence, .run_id = run_id};
    check_ok(cps_buffer_acquire(pool, sizeof sequence, &message.payload));
    memcpy(message.payload->data, &sequence, sizeof sequence);
    return message;
}

static void take(struct cps_message *message, uint64_t seen[PEERS])
{
    uint64_t content;
    memcpy(&content, message->payload->data, sizeof content);
    check_int(message->sequence, seen[message->from], "sequence from node %u", message->from);
    check_int(content, seen[message->from], "content from node %u", message->from);
    seen[message->from]++;
    cps_message_release(message);
}

/* Every message twice, in an order drawn from seed. */
static void shuffle_through(uint32_t seed)
{
    enum { ALL = PEERS * EACH * COPIES };
    uint32_t order[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        uint32_t j = (uint32_t)test_below(30 + seed, i, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    struct cps_inbox inbox;
    check_ok(cps_inbox_init(&inbox, PEERS, RUN));
    uint64_t seen[PEERS] = {0};
    for (uint32_t i = 0; i < ALL; i++) {
        uint32_t which = order[i] / COPIES;
        struct cps_message message = message_of(which % PEERS, which / PEERS, RUN);
        bool ready;
        check_ok(cps_inbox_put(&inbox, &message, &ready));
        while (ready) {
            take(&message, seen);
            ready = cps_inbox_next(&inbox, &message);
        }
    }
    for (uint32_t peer = 0; peer < PEERS; peer++)
        check_int(seen[peer], EACH, "messages from node %u", peer);
    check_int(inbox.dropped, PEERS * EACH * (COPIES - 1), "dropped");
    check_int(inbox.waiting_count, 0, "waiting");
    cps_inbox_release(&inbox);
}

static void any_order_becomes_the_right_one(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 200; seed++)
        shuffle_through(seed);
}

static void strangers_are_dropped(void **state)
{
    (void)state;
    struct cps_inbox inbox;
    check_ok(cps_inbox_init(&inbox, PEERS, RUN));
    struct cps_message strangers[] = {message_of(0, 0, RUN + 1), message_of(PEERS, 0, RUN),
                                      message_of(UINT32_MAX, 0, RUN)};
    for (size_t i = 0; i < COUNT_OF(strangers); i++) {
        bool ready = true;
        check_ok(cps_inbox_put(&inbox, &strangers[i], &ready));
        assert_false(ready);
        assert_null(strangers[i].payload);
    }
    check_int(inbox.dropped, COUNT_OF(strangers), "dropped");
    cps_inbox_release(&inbox);
}

static void early_messages_are_released_with_it(void **state)
{
    (void)state;
    struct cps_inbox inbox;
    check_ok(cps_inbox_init(&inbox, PEERS, RUN));
    for (uint64_t sequence = 1; sequence < 100; sequence++) {
        struct cps_message message = message_of(1, sequence, RUN), none;
        bool ready;
        check_ok(cps_inbox_put(&inbox, &message, &ready));
        assert_false(ready);
        assert_false(cps_inbox_next(&inbox, &none));
    }
    check_int(inbox.waiting_count, 99, "waiting");
    cps_inbox_release(&inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_becomes_the_right_one),
        cmocka_unit_test(strangers_are_dropped),
        cmocka_unit_test(early_messages_are_released_with_it),
    };
    return cmocka_run_group_tests_name("net: inbox", tests, make_pool, drop_pool);
}
