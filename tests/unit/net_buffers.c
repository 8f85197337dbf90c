/* Buffers, queue, outbox, and the check of a payload against its body. */
#include "tests/unit/check.h"

#include "common/base/memory.h"
#include "common/drive/outbox.h"
#include "common/net/message.h"
#include "common/net/queue.h"

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
    return pool != NULL;
}

static void buffers_have_their_size_and_alignment(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 4097, 1 << 20, (1 << 20) + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct cps_buffer *buffer;
        check_ok(cps_buffer_acquire(pool, sizes[i], &buffer));
        check_int(buffer->size, sizes[i], "size");
        assert_true(buffer->capacity >= sizes[i]);
        check_int((uintptr_t)buffer->data % CPS_CACHE_LINE, 0, "alignment of %zu bytes", sizes[i]);
        memset(buffer->data, 0xab, buffer->capacity);
        cps_buffer_release(buffer);
    }
}

static void released_buffers_come_back(void **state)
{
    (void)state;
    struct cps_buffer *first, *second, *third;
    check_ok(cps_buffer_acquire(pool, 1000, &first));
    uint8_t *data = first->data;
    check_ok(cps_buffer_acquire(pool, 1000, &second));
    assert_ptr_not_equal(first, second);
    cps_buffer_retain(first);
    cps_buffer_release(first);
    check_ok(cps_buffer_acquire(pool, 1000, &third));
    assert_ptr_not_equal(first, third);
    cps_buffer_release(third);
    cps_buffer_trim_front(first, 128);
    check_int(first->size, 872, "size after a trim");
    cps_buffer_release(first);
    check_ok(cps_buffer_acquire(pool, 600, &third));
    assert_ptr_equal(first, third);
    assert_ptr_equal(third->data, data);
    check_int(third->size, 600, "size after reuse");
    check_int(third->capacity, 1024, "capacity after reuse");
    cps_buffer_release(third);
    cps_buffer_release(second);
    cps_buffer_release(NULL);
}

/* Large buffers follow each other in a reserve; none of them begins another slab. */
static void a_reserve_holds_the_buffers_it_is_for(void **state)
{
    (void)state;
    static const size_t sizes[] = {1 << 20, 300000, 5 << 20, 40000, 1 << 20};
    struct cps_buffer *buffers[COUNT_OF(sizes)];
    struct cps_buffer_pool *own;
    size_t room = 0;
    check_ok(cps_buffer_pool_create(&own));
    assert_int_equal(cps_buffer_room(100), 0);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_true(cps_buffer_room(sizes[i]) > sizes[i]);
        room += cps_buffer_room(sizes[i]);
    }
    check_ok(cps_buffer_pool_reserve(own, room));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        check_ok(cps_buffer_acquire(own, sizes[i], &buffers[i]));
        memset(buffers[i]->data, 1, sizes[i]);
        if (i > 0)
            assert_ptr_equal(buffers[i]->data, buffers[i - 1]->data + cps_buffer_room(sizes[i - 1]));
    }
    check_ok(cps_buffer_pool_reserve(own, 0));
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        cps_buffer_release(buffers[i]);
    cps_buffer_pool_destroy(&own);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct cps_buffer *buffer = NULL;
    check_fails(cps_buffer_acquire(pool, SIZE_MAX, &buffer), CPS_ERR_MEMORY, "out of memory");
    check_fails(cps_buffer_acquire(pool, (size_t)1 << 60, &buffer), CPS_ERR_MEMORY, "out of memory");
    assert_null(buffer);
}

static void outboxes_stamp_what_they_take(void **state)
{
    (void)state;
    struct cps_outbox outbox;
    struct cps_message *message;
    check_ok(cps_outbox_init(&outbox, pool, 2, 4, 99));
    static const uint32_t receivers[] = {0, 1, 0, 3, 0, 1};
    for (size_t i = 0; i < COUNT_OF(receivers); i++) {
        check_ok(cps_outbox_add(&outbox, CPS_MESSAGE_GRANT, receivers[i], i * 16, &message));
        check_int(message->from, 2, "sender");
        check_int(message->to, receivers[i], "receiver");
        check_int(message->run_id, 99, "run");
        check_int(cps_message_payload_bytes(message), i * 16, "payload");
    }
    check_fails(cps_outbox_add(&outbox, CPS_MESSAGE_GRANT, 4, 0, &message), CPS_ERR_INTERNAL, "node 4");
    check_fails(cps_outbox_add(&outbox, CPS_MESSAGE_GRANT, 1, SIZE_MAX, &message), CPS_ERR_MEMORY, "memory");
    check_ok(cps_outbox_add(&outbox, CPS_MESSAGE_GRANT, 1, 0, &message));
    check_int(outbox.count, COUNT_OF(receivers) + 1, "messages after two failures");
    cps_outbox_release(&outbox);
}

static void queues_keep_their_order(void **state)
{
    (void)state;
    struct cps_queue queue = {0};
    uint64_t in = 0, out = 0;
    for (uint64_t round = 0; round < 2000; round++) {
        for (uint64_t n = test_below(20, round, 9); n > 0; n--) {
            struct cps_message message = {.sequence = in++};
            check_ok(cps_buffer_acquire(pool, 8, &message.payload));
            check_ok(cps_queue_put(&queue, &message));
            assert_null(message.payload);
        }
        struct cps_message message;
        for (uint64_t n = test_below(21, round, 9); n > 0 && cps_queue_take(&queue, &message); n--) {
            check_int(message.sequence, out++, "place in the queue");
            cps_message_release(&message);
        }
    }
    cps_queue_release(&queue);
}

struct size_case {
    struct cps_message message;
    uint32_t width;
    size_t good; /* payload bytes */
};

static void a_place_is_kept_for_a_last_message(void **state)
{
    (void)state;
    struct cps_queue queue = {0};
    struct cps_message message, last = {.sequence = 1000};
    check_ok(cps_queue_reserve(&queue));
    for (uint64_t i = 0; i < 300; i++) {
        message = (struct cps_message){.sequence = i};
        check_ok(cps_queue_put(&queue, &message));
        assert_true(queue.count < queue.capacity);
    }
    cps_queue_put_last(&queue, &last);
    for (uint64_t i = 0; i < 300; i++)
        assert_true(cps_queue_take(&queue, &message) && message.sequence == i);
    assert_true(cps_queue_take(&queue, &message) && message.sequence == 1000);
    assert_false(cps_queue_take(&queue, &message));
    cps_queue_release(&queue);
}

static void payloads_match_their_bodies(void **state)
{
    (void)state;
    static const struct size_case cases[] = {
        {{.kind = CPS_MESSAGE_HELLO}, 51, 0},
        {{.kind = CPS_MESSAGE_READY}, 51, 0},
        {{.kind = CPS_MESSAGE_HEARTBEAT}, 51, 0},
        {{.kind = CPS_MESSAGE_PLAN}, 51, 0},
        {{.kind = CPS_MESSAGE_GRANT, .grant = {.steps = 7}}, 51, 7 * 16},
        {{.kind = CPS_MESSAGE_ROWS, .rows = {.rows = 3}}, 51, 3 * 51 * 4},
        {{.kind = CPS_MESSAGE_REPORT, .report = {.steps = 5}}, 51, 5 * 16},
        {{.kind = CPS_MESSAGE_EXCHANGE, .exchange = {.pull_rows = 4, .read_rows = 2}}, 51, 6 * 4},
        {{.kind = CPS_MESSAGE_EXCHANGE,
          .exchange = {.has_push = true, .sum_rows = 2, .single_rows = 3, .pull_rows = 4, .read_rows = 1}},
         51,
         2 * 51 * 8 + 3 * 51 * 4 + (2 + 3 + 4 + 1) * 4},
        {{.kind = CPS_MESSAGE_EXCHANGE,
          .exchange = {.has_push = true, .single_rows = 1, .pull_rows = 2, .scaled = 5}},
         51,
         51 * 4 + 5 * 12 + (1 + 2) * 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t bytes = 0; bytes <= cases[i].good + 1; bytes++) {
            struct cps_message message = cases[i].message;
            if (bytes)
                check_ok(cps_buffer_acquire(pool, bytes, &message.payload));
            if (bytes == cases[i].good)
                check_ok(cps_message_check(&message, cases[i].width));
            else
                check_fails(cps_message_check(&message, cases[i].width), CPS_ERR_PEER,
                            cps_message_kind_name(message.kind));
            cps_message_release(&message);
        }
    }
}

/* Counts whose product with a width wraps to a small number in 64 bits. */
static void huge_counts_do_not_wrap(void **state)
{
    (void)state;
    struct cps_message exchange = {
        .kind = CPS_MESSAGE_EXCHANGE,
        .exchange = {.has_push = true, .sum_rows = 1u << 31, .single_rows = 0, .pull_rows = 0}};
    check_ok(cps_buffer_acquire(pool, 4, &exchange.payload));
    check_fails(cps_message_check(&exchange, 1u << 30), CPS_ERR_PEER, "more than");
    exchange.exchange = (struct cps_exchange){.has_push = true,
                                              .sum_rows = UINT32_MAX,
                                              .single_rows = UINT32_MAX,
                                              .pull_rows = UINT32_MAX,
                                              .read_rows = UINT32_MAX,
                                              .scaled = UINT32_MAX};
    check_fails(cps_message_check(&exchange, UINT32_MAX), CPS_ERR_PEER, "more than");
    cps_message_release(&exchange);
    struct cps_message rows = {.kind = CPS_MESSAGE_ROWS, .rows = {.rows = 1u << 31}};
    check_fails(cps_message_check(&rows, 1u << 31), CPS_ERR_PEER, "18446744073709551615");
    struct cps_message gradients = {.kind = CPS_MESSAGE_EXCHANGE, .exchange = {.single_rows = 1}};
    check_fails(cps_message_check(&gradients, 51), CPS_ERR_PEER, "no push");
    gradients.exchange = (struct cps_exchange){.scaled = 1};
    check_fails(cps_message_check(&gradients, 51), CPS_ERR_PEER, "no push");
    struct cps_message unknown = {.kind = (enum cps_message_kind)77};
    check_fails(cps_message_check(&unknown, 51), CPS_ERR_PEER, "unknown kind 77");
    assert_string_equal(cps_message_kind_name(unknown.kind), "unknown");
}

static void ends_hold_two_strings(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        bool good;
    } cases[] = {
        {"", 0, true},          {"why\0how", 8, true}, {"why\0", 5, true}, {"\0", 2, true},
        {"why", 3, false},      {"why", 4, false},     {"a\0b", 3, false}, {"a\0b\0c", 6, false},
        {"a\0b\0\0", 5, false}, {"", 1, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_message message = {.kind = CPS_MESSAGE_STOP, .end = {CPS_ERR_DATA}};
        if (cases[i].count) {
            check_ok(cps_buffer_acquire(pool, cases[i].count, &message.payload));
            memcpy(message.payload->data, cases[i].bytes, cases[i].count);
        }
        check_int(cps_message_check(&message, 51) == CPS_OK, cases[i].good, "case %zu", i);
        /* An error is never without a word. */
        cps_error_clear();
        check_int(cps_message_end(&message), cases[i].good ? CPS_ERR_DATA : CPS_ERR_PEER, "status of case %zu",
                  i);
        assert_true(cps_error_text()[0] != '\0');
        cps_message_release(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_have_their_size_and_alignment),
        cmocka_unit_test(released_buffers_come_back),
        cmocka_unit_test(a_reserve_holds_the_buffers_it_is_for),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(outboxes_stamp_what_they_take),
        cmocka_unit_test(queues_keep_their_order),
        cmocka_unit_test(a_place_is_kept_for_a_last_message),
        cmocka_unit_test(payloads_match_their_bodies),
        cmocka_unit_test(huge_counts_do_not_wrap),
        cmocka_unit_test(ends_hold_two_strings),
    };
    return cmocka_run_group_tests_name("net: buffers", tests, make_pool, drop_pool);
}
