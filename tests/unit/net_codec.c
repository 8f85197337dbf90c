/* The codec: round trips of random messages, and what it refuses. */
#include "tests/unit/check.h"

#include <stdio.h>

#include "common/base/memory.h"
#include "common/net/codec.h"

/* Random words, with the values that break encodings drawn more often than others. */
struct source {
    uint32_t stream;
    uint64_t index;
};

static uint64_t word(struct source *source)
{
    static const uint64_t edges[] = {0, 1, 127, 128, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    uint64_t kind = test_below(source->stream, source->index++, 3);
    uint64_t value = cps_random_u64(1, CPS_RANDOM_TEST + source->stream, source->index++);
    return kind == 0 ? edges[value % COUNT_OF(edges)] : kind == 1 ? value : value >> 40;
}

static uint32_t word32(struct source *source)
{
    return (uint32_t)word(source);
}

static bool coin(struct source *source)
{
    return word(source) & 1;
}

/* Any bits but those of -0.0, which protobuf takes for zero. */
static double any_double(struct source *source)
{
    uint64_t bits = word(source);
    double value;
    memcpy(&value, &bits, sizeof value);
    return bits == (uint64_t)1 << 63 ? 1.0 : value;
}

static float any_float(struct source *source)
{
    uint32_t bits = word32(source);
    float value;
    memcpy(&value, &bits, sizeof value);
    return bits == 1u << 31 ? 1.0f : value;
}

static void fill_plan(struct source *source, struct cps_plan *plan)
{
    plan->model = coin(source) ? CPS_MODEL_BIAS : CPS_MODEL_DOT;
    plan->factors = word32(source);
    plan->has_range = coin(source);
    plan->range_low = any_float(source);
    plan->range_high = any_float(source);
    plan->user_rows = word32(source);
    plan->movie_rows = word32(source);
    plan->optimizer = (enum cps_optimizer_kind)(word(source) % 3);
    plan->schedule = (enum cps_schedule_kind)(word(source) % 3);
    plan->consistency = (enum cps_consistency)(word(source) % 3);
    plan->epochs = word32(source);
    plan->batch_size = word32(source);
    plan->train_count = word(source);
    plan->valid_count = word(source);
    plan->lr_max = any_double(source);
    plan->wd = any_double(source);
    plan->wd_bias = any_double(source);
    plan->seed = word(source);
    plan->gradient_bits = word32(source);
    plan->servers = word32(source);
    plan->workers = word32(source);
}

static void fill_body(struct source *source, struct cps_message *message)
{
    switch (message->kind) {
    case CPS_MESSAGE_HELLO:
        message->hello.has_data = coin(source);
        for (size_t i = 0; i < sizeof message->hello.fingerprint; i++)
            message->hello.fingerprint[i] = (uint8_t)word(source);
        message->hello.train_count = word(source);
        message->hello.valid_count = word(source);
        message->hello.sample_bytes = word(source);
        break;
    case CPS_MESSAGE_PLAN:
        fill_plan(source, &message->plan);
        break;
    case CPS_MESSAGE_GRANT:
        message->grant.first_step = word(source);
        message->grant.steps = word32(source);
        break;
    case CPS_MESSAGE_EXCHANGE:
        message->exchange.step = word(source);
        message->exchange.ticket = word(source);
        message->exchange.has_push = coin(source);
        message->exchange.sum_rows = word32(source);
        message->exchange.single_rows = word32(source);
        message->exchange.pull_rows = word32(source);
        message->exchange.read_rows = word32(source);
        message->exchange.scaled = word32(source);
        break;
    case CPS_MESSAGE_ROWS:
        message->rows.step = word(source);
        message->rows.ticket = word(source);
        message->rows.rows = word32(source);
        break;
    case CPS_MESSAGE_REPORT:
        message->report.first_step = word(source);
        message->report.steps = word32(source);
        message->report.has_valid = coin(source);
        message->report.epoch = word32(source);
        message->report.valid_sum.low = word(source);
        message->report.valid_sum.high = word(source);
        message->report.valid_count = word(source);
        for (int phase = CPS_PHASE_WAIT; phase < CPS_PHASE_SAVE; phase++)
            message->report.spent_ns[phase] = word(source);
        break;
    case CPS_MESSAGE_FAIL:
    case CPS_MESSAGE_STOP:
        message->end.status = (enum cps_status)(word(source) % (CPS_ERR_INTERRUPTED + 1));
        break;
    default:
        break;
    }
}

/* Zeroed first, so that the bytes of two equal messages are equal. */
static void fill(struct source *source, enum cps_message_kind kind, struct cps_message *message)
{
    memset(message, 0, sizeof *message);
    message->kind = kind;
    message->from = word32(source);
    message->to = word32(source);
    message->run_id = word(source);
    message->sequence = word(source);
    fill_body(source, message);
}

static void messages_come_back_bit_for_bit(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < CPS_MESSAGE_KINDS; kind++) {
        struct source source = {.stream = 40 + kind};
        for (uint32_t i = 0; i < 5000; i++) {
            struct cps_message message, back;
            uint8_t bytes[CPS_CODEC_HEADER_BYTES + 1];
            fill(&source, (enum cps_message_kind)kind, &message);
            /* At an odd address, as a frame may be. */
            size_t count = cps_codec_encode(&message, bytes + 1);
            assert_true(count <= CPS_CODEC_HEADER_BYTES);
            check_ok(cps_codec_decode(bytes + 1, count, &back));
            struct cps_message again;
            memset(&again, 0, sizeof again);
            memcpy(&again, &back, sizeof again);
            uint8_t bytes_again[CPS_CODEC_HEADER_BYTES];
            check_int(cps_codec_encode(&again, bytes_again), count, "length of the second encoding");
            assert_memory_equal(bytes + 1, bytes_again, count);
            check_int(back.kind, kind, "kind");
            check_int(back.from, message.from, "sender");
            check_int(back.to, message.to, "receiver");
            check_int(back.run_id, message.run_id, "run");
            check_int(back.sequence, message.sequence, "sequence");
            assert_null(back.payload);
        }
    }
}

/* Fields one by one: a field forgotten on both ways would pass the test above. */
static void every_field_travels(void **state)
{
    (void)state;
    struct cps_message plan = {.kind = CPS_MESSAGE_PLAN,
                               .plan = {.model = CPS_MODEL_BIAS,
                                        .factors = 1,
                                        .has_range = true,
                                        .range_low = 2,
                                        .range_high = 3,
                                        .user_rows = 4,
                                        .movie_rows = 5,
                                        .optimizer = CPS_OPTIMIZER_ADAGRAD,
                                        .schedule = CPS_SCHEDULE_COSINE,
                                        .consistency = CPS_CONSISTENCY_ASP,
                                        .epochs = 6,
                                        .batch_size = 7,
                                        .train_count = 8,
                                        .valid_count = 9,
                                        .lr_max = 10,
                                        .wd = 11,
                                        .wd_bias = 12,
                                        .seed = 13,
                                        .gradient_bits = 14,
                                        .servers = 15,
                                        .workers = 16}};
    struct cps_message back;
    uint8_t bytes[CPS_CODEC_HEADER_BYTES];
    check_ok(cps_codec_decode(bytes, cps_codec_encode(&plan, bytes), &back));
    const struct cps_plan *got = &back.plan;
    const double values[] = {
        got->factors, got->range_low,  got->range_high,          got->user_rows,           got->movie_rows,
        got->epochs,  got->batch_size, (double)got->train_count, (double)got->valid_count, got->lr_max,
        got->wd,      got->wd_bias,    (double)got->seed,        got->gradient_bits,       got->servers,
        got->workers};
    for (size_t i = 0; i < COUNT_OF(values); i++)
        check_near(values[i], (double)(i + 1), 0.0, "field %zu of a plan", i);
    assert_true(got->has_range);
    check_int(got->model, CPS_MODEL_BIAS, "model");
    check_int(got->optimizer, CPS_OPTIMIZER_ADAGRAD, "optimizer");
    check_int(got->schedule, CPS_SCHEDULE_COSINE, "schedule");
    check_int(got->consistency, CPS_CONSISTENCY_ASP, "consistency");

    struct cps_message exchange = {.kind = CPS_MESSAGE_EXCHANGE, .exchange = {1, 2, true, 3, 4, 5, 6}};
    check_ok(cps_codec_decode(bytes, cps_codec_encode(&exchange, bytes), &back));
    assert_memory_equal(&back.exchange.sum_rows, &exchange.exchange.sum_rows, 4 * sizeof(uint32_t));
    check_int(back.exchange.step, 1, "step");
    check_int(back.exchange.ticket, 2, "ticket");
    assert_true(back.exchange.has_push);

    struct cps_message report = {.kind = CPS_MESSAGE_REPORT,
                                 .report = {.first_step = 1,
                                            .steps = 2,
                                            .has_valid = true,
                                            .epoch = 3,
                                            .valid_sum = {4, 5},
                                            .valid_count = 6,
                                            .spent_ns = {[CPS_PHASE_WAIT] = 7,
                                                         [CPS_PHASE_COMPUTE] = 8,
                                                         [CPS_PHASE_VALIDATION] = 9,
                                                         [CPS_PHASE_OPTIMIZER] = 10}}};
    check_ok(cps_codec_decode(bytes, cps_codec_encode(&report, bytes), &back));
    check_int(back.report.first_step, 1, "first step");
    check_int(back.report.steps, 2, "steps");
    assert_true(back.report.has_valid);
    check_int(back.report.epoch, 3, "epoch");
    check_int(back.report.valid_sum.low, 4, "low");
    check_int(back.report.valid_sum.high, 5, "high");
    check_int(back.report.valid_count, 6, "count");
    assert_memory_equal(back.report.spent_ns, report.report.spent_ns, sizeof report.report.spent_ns);
}

static void broken_headers_are_refused(void **state)
{
    (void)state;
    struct source source = {.stream = 60};
    for (uint32_t i = 0; i < 20000; i++) {
        struct cps_message message, back;
        uint8_t bytes[CPS_CODEC_HEADER_BYTES];
        fill(&source, (enum cps_message_kind)(i % CPS_MESSAGE_KINDS), &message);
        size_t count = cps_codec_encode(&message, bytes);
        if (i % 2)
            bytes[word(&source) % count] ^= (uint8_t)(1u << word(&source) % 8);
        else
            count = word(&source) % count;
        /* Whatever comes of it is refused or a message whose values are in range. */
        if (cps_codec_decode(bytes, count, &back) == CPS_OK)
            assert_true((unsigned)back.kind < CPS_MESSAGE_KINDS);
        else
            assert_true(strlen(cps_error_text()) > 0);
    }
}

static void refusals_say_why(void **state)
{
    (void)state;
    struct cps_message back;
    uint8_t long_bytes[CPS_CODEC_HEADER_BYTES + 1] = {0};
    static const uint8_t other_version[] = {0x08, 0x63, 0x10, 0x01, 0x18, 0x04}; /* protocol 99, from 4 */
    static const uint8_t no_kind[] = {0x08, CPS_PROTOCOL_VERSION, 0x18, 0x04};
    static const uint8_t far_kind[] = {0x08, CPS_PROTOCOL_VERSION, 0x10, 0x63};
    static const uint8_t no_body[] = {0x08, CPS_PROTOCOL_VERSION, 0x10, 0x02}; /* a plan */
    static const uint8_t other_body[] = {0x08, CPS_PROTOCOL_VERSION, 0x10, 0x0a, 0x62,
                                         0x00}; /* heartbeat, plan's */
    static const uint8_t bad_model[] = {0x08, CPS_PROTOCOL_VERSION, 0x10, 0x02, 0x5a, 0x02, 0x08, 0x05};
    static const uint8_t bad_status[] = {0x08, CPS_PROTOCOL_VERSION, 0x10, 0x08, 0x82, 0x01, 0x02, 0x08, 0x63};
    check_fails(cps_codec_decode(other_version, sizeof other_version, &back), CPS_ERR_PEER,
                "node 4 speaks protocol version 99");
    assert_non_null(strstr(cps_error_hint(), "same build"));
    check_fails(cps_codec_decode(no_kind, sizeof no_kind, &back), CPS_ERR_PEER, "unknown kind 0");
    check_fails(cps_codec_decode(far_kind, sizeof far_kind, &back), CPS_ERR_PEER, "unknown kind 99");
    check_fails(cps_codec_decode(no_body, sizeof no_body, &back), CPS_ERR_PEER, "'plan' with the body of another");
    check_fails(cps_codec_decode(other_body, sizeof other_body, &back), CPS_ERR_PEER,
                "'heartbeat' with the body of another");
    check_fails(cps_codec_decode(bad_model, sizeof bad_model, &back), CPS_ERR_PEER, "'plan' with the body of another");
    check_fails(cps_codec_decode(bad_status, sizeof bad_status, &back), CPS_ERR_PEER, "'fail' with the body of another");
    check_fails(cps_codec_decode(long_bytes, sizeof long_bytes, &back), CPS_ERR_PEER, "not a message header");
    check_fails(cps_codec_decode((const uint8_t *)"\xff\xff", 2, &back), CPS_ERR_PEER, "not a message header");
}

static void frames_align_their_payload(void **state)
{
    (void)state;
    struct cps_buffer_pool *pool;
    check_ok(cps_buffer_pool_create(&pool));
    struct source source = {.stream = 61};
    for (uint32_t i = 0; i < 2000; i++) {
        struct cps_message message, back = {0};
        uint8_t start[CPS_FRAME_HEADER_BYTES];
        fill(&source, (enum cps_message_kind)(i % CPS_MESSAGE_KINDS), &message);
        size_t offset = cps_codec_encode_frame(&message, start), payload = (size_t)(i % 3) * 100;
        check_int(offset % CPS_CACHE_LINE, 0, "offset of the payload");
        struct cps_buffer *frame;
        check_ok(cps_buffer_acquire(pool, offset + payload, &frame));
        memcpy(frame->data, start, offset);
        memset(frame->data + offset, 0x5c, payload);
        check_ok(cps_codec_decode_frame(frame, &back));
        check_int(cps_message_payload_bytes(&back), payload, "payload");
        if (payload) {
            check_int((uintptr_t)back.payload->data % CPS_CACHE_LINE, 0, "alignment");
            check_int(back.payload->data[payload - 1], 0x5c, "last byte");
        }
        check_int(back.sequence, message.sequence, "sequence");
        cps_message_release(&back);
    }
    /* A frame that ends before its payload begins is none, though the whole header is there. */
    for (uint32_t kind = 0; kind < CPS_MESSAGE_KINDS; kind++) {
        struct cps_message message, back = {0};
        uint8_t start[CPS_FRAME_HEADER_BYTES];
        fill(&source, (enum cps_message_kind)kind, &message);
        size_t offset = cps_codec_encode_frame(&message, start);
        for (size_t bytes = 0; bytes < offset; bytes++) {
            struct cps_buffer *cut;
            check_ok(cps_buffer_acquire(pool, bytes, &cut));
            memcpy(cut->data, start, bytes);
            check_fails(cps_codec_decode_frame(cut, &back), CPS_ERR_PEER, "not a message frame");
        }
    }
    static const uint32_t prefixes[][2] = {{UINT32_MAX, 0}, {300, 0}, {100, 0}, {0, 0}};
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        struct cps_message back;
        struct cps_buffer *frame;
        check_ok(cps_buffer_acquire(pool, 64, &frame));
        memset(frame->data, 0, 64);
        memcpy(frame->data, prefixes[i], sizeof prefixes[i]);
        check_fails(cps_codec_decode_frame(frame, &back), CPS_ERR_PEER, "");
    }
    /* No header is longer than it can be, however much there is to read. */
    struct cps_message back;
    struct cps_buffer *stub;
    uint32_t longer[2] = {CPS_CODEC_HEADER_BYTES + 1, 0};
    check_ok(cps_buffer_acquire(pool, 4096, &stub));
    memset(stub->data, 0, 4096);
    memcpy(stub->data, longer, sizeof longer);
    check_fails(cps_codec_decode_frame(stub, &back), CPS_ERR_PEER, "not a message frame");
    check_ok(cps_buffer_acquire(pool, 3, &stub));
    check_fails(cps_codec_decode_frame(stub, &back), CPS_ERR_PEER, "not a message frame");
    cps_buffer_pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_back_bit_for_bit), cmocka_unit_test(every_field_travels),
        cmocka_unit_test(broken_headers_are_refused),     cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(frames_align_their_payload),
    };
    return cmocka_run_group_tests_name("net: codec", tests, NULL, NULL);
}
