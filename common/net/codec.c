/*
 * Between struct cps_message and the protobuf Envelope of proto/wire.proto.
 *
 * Encoding lays the protobuf structs out on the stack and packs them into the caller's
 * bytes. Decoding gives protobuf-c an arena on the stack in place of malloc: a header
 * that would need more than the arena is longer than any this build writes, and refused.
 */
#include "common/net/codec.h"

#include <assert.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/wire.pb-c.h"

#define SAME_VALUE(name, text)                                                                                 \
    _Static_assert(CPS__KIND__KIND_##name == (int)CPS_MESSAGE_##name + 1,                                      \
                   "wire.proto numbers '" text "' otherwise");
CPS_MESSAGE_MAP(SAME_VALUE)

_Static_assert((int)CPS_MODEL_BIAS == CPS__MODEL__MODEL_BIAS, "models");
_Static_assert((int)CPS_OPTIMIZER_ADAGRAD == CPS__OPTIMIZER__OPTIMIZER_ADAGRAD, "optimizers");
_Static_assert((int)CPS_SCHEDULE_COSINE == CPS__SCHEDULE__SCHEDULE_COSINE, "schedules");
_Static_assert((int)CPS_CONSISTENCY_ASP == CPS__CONSISTENCY__CONSISTENCY_ASP, "consistencies");

/* The body of a kind in the Envelope's oneof. */
static Cps__Envelope__BodyCase body_of(enum cps_message_kind kind)
{
    static const Cps__Envelope__BodyCase bodies[CPS_MESSAGE_KINDS] = {
        [CPS_MESSAGE_HELLO] = CPS__ENVELOPE__BODY_HELLO,
        [CPS_MESSAGE_PLAN] = CPS__ENVELOPE__BODY_PLAN,
        [CPS_MESSAGE_READY] = CPS__ENVELOPE__BODY__NOT_SET,
        [CPS_MESSAGE_GRANT] = CPS__ENVELOPE__BODY_GRANT,
        [CPS_MESSAGE_EXCHANGE] = CPS__ENVELOPE__BODY_EXCHANGE,
        [CPS_MESSAGE_ROWS] = CPS__ENVELOPE__BODY_ROWS,
        [CPS_MESSAGE_REPORT] = CPS__ENVELOPE__BODY_REPORT,
        [CPS_MESSAGE_FAIL] = CPS__ENVELOPE__BODY_END,
        [CPS_MESSAGE_STOP] = CPS__ENVELOPE__BODY_END,
        [CPS_MESSAGE_HEARTBEAT] = CPS__ENVELOPE__BODY__NOT_SET,
    };
    return bodies[kind];
}

union wire_body {
    Cps__Hello hello;
    Cps__Plan plan;
    Cps__Grant grant;
    Cps__Exchange exchange;
    Cps__Rows rows;
    Cps__Report report;
    Cps__End end;
};

static void hello_to_wire(const struct cps_hello *hello, Cps__Hello *wire)
{
    cps__hello__init(wire);
    wire->has_data = hello->has_data;
    wire->fingerprint.len = sizeof hello->fingerprint;
    wire->fingerprint.data = (uint8_t *)hello->fingerprint; /* read only: packed, never freed */
    wire->train_count = hello->train_count;
    wire->valid_count = hello->valid_count;
    wire->sample_bytes = hello->sample_bytes;
}

static bool hello_from_wire(const Cps__Hello *wire, struct cps_hello *hello)
{
    if (wire->fingerprint.len != sizeof hello->fingerprint)
        return false;
    memcpy(hello->fingerprint, wire->fingerprint.data, sizeof hello->fingerprint);
    hello->has_data = wire->has_data != 0;
    hello->train_count = wire->train_count;
    hello->valid_count = wire->valid_count;
    hello->sample_bytes = wire->sample_bytes;
    return true;
}

static void plan_to_wire(const struct cps_plan *plan, Cps__Plan *wire)
{
    cps__plan__init(wire);
    wire->model = (Cps__Model)plan->model;
    wire->factors = plan->factors;
    wire->has_range = plan->has_range;
    wire->range_low = plan->range_low;
    wire->range_high = plan->range_high;
    wire->user_rows = plan->user_rows;
    wire->movie_rows = plan->movie_rows;
    wire->optimizer = (Cps__Optimizer)plan->optimizer;
    wire->schedule = (Cps__Schedule)plan->schedule;
    wire->consistency = (Cps__Consistency)plan->consistency;
    wire->epochs = plan->epochs;
    wire->batch_size = plan->batch_size;
    wire->train_count = plan->train_count;
    wire->valid_count = plan->valid_count;
    wire->lr_max = plan->lr_max;
    wire->wd = plan->wd;
    wire->wd_bias = plan->wd_bias;
    wire->seed = plan->seed;
    wire->gradient_bits = plan->gradient_bits;
    wire->servers = plan->servers;
    wire->workers = plan->workers;
}

static bool plan_from_wire(const Cps__Plan *wire, struct cps_plan *plan)
{
    if ((unsigned)wire->model > CPS_MODEL_BIAS || (unsigned)wire->optimizer > CPS_OPTIMIZER_ADAGRAD ||
        (unsigned)wire->schedule > CPS_SCHEDULE_COSINE || (unsigned)wire->consistency > CPS_CONSISTENCY_ASP)
        return false;
    *plan = (struct cps_plan){
        .model = (enum cps_model_kind)wire->model,
        .factors = wire->factors,
        .has_range = wire->has_range != 0,
        .range_low = wire->range_low,
        .range_high = wire->range_high,
        .user_rows = wire->user_rows,
        .movie_rows = wire->movie_rows,
        .optimizer = (enum cps_optimizer_kind)wire->optimizer,
        .schedule = (enum cps_schedule_kind)wire->schedule,
        .consistency = (enum cps_consistency)wire->consistency,
        .epochs = wire->epochs,
        .batch_size = wire->batch_size,
        .train_count = wire->train_count,
        .valid_count = wire->valid_count,
        .lr_max = wire->lr_max,
        .wd = wire->wd,
        .wd_bias = wire->wd_bias,
        .seed = wire->seed,
        .gradient_bits = wire->gradient_bits,
        .servers = wire->servers,
        .workers = wire->workers,
    };
    return true;
}

static void exchange_to_wire(const struct cps_exchange *exchange, Cps__Exchange *wire)
{
    cps__exchange__init(wire);
    wire->step = exchange->step;
    wire->ticket = exchange->ticket;
    wire->has_push = exchange->has_push;
    wire->sum_rows = exchange->sum_rows;
    wire->single_rows = exchange->single_rows;
    wire->pull_rows = exchange->pull_rows;
    wire->read_rows = exchange->read_rows;
}

static void exchange_from_wire(const Cps__Exchange *wire, struct cps_exchange *exchange)
{
    *exchange = (struct cps_exchange){
        .step = wire->step,
        .ticket = wire->ticket,
        .has_push = wire->has_push != 0,
        .sum_rows = wire->sum_rows,
        .single_rows = wire->single_rows,
        .pull_rows = wire->pull_rows,
        .read_rows = wire->read_rows,
    };
}

static void report_to_wire(const struct cps_report *report, Cps__Report *wire)
{
    cps__report__init(wire);
    wire->first_step = report->first_step;
    wire->steps = report->steps;
    wire->has_valid = report->has_valid;
    wire->epoch = report->epoch;
    wire->valid_sum_low = report->valid_sum.low;
    wire->valid_sum_high = report->valid_sum.high;
    wire->valid_count = report->valid_count;
    wire->wait_ns = report->spent_ns[CPS_PHASE_WAIT];
    wire->compute_ns = report->spent_ns[CPS_PHASE_COMPUTE];
    wire->validation_ns = report->spent_ns[CPS_PHASE_VALIDATION];
    wire->optimizer_ns = report->spent_ns[CPS_PHASE_OPTIMIZER];
}

static void report_from_wire(const Cps__Report *wire, struct cps_report *report)
{
    *report = (struct cps_report){
        .first_step = wire->first_step,
        .steps = wire->steps,
        .has_valid = wire->has_valid != 0,
        .epoch = wire->epoch,
        .valid_sum = {.low = wire->valid_sum_low, .high = wire->valid_sum_high},
        .valid_count = wire->valid_count,
        .spent_ns = {[CPS_PHASE_WAIT] = wire->wait_ns,
                     [CPS_PHASE_COMPUTE] = wire->compute_ns,
                     [CPS_PHASE_VALIDATION] = wire->validation_ns,
                     [CPS_PHASE_OPTIMIZER] = wire->optimizer_ns},
    };
}

/* Fills body and points the envelope at it. */
static void body_to_wire(const struct cps_message *message, Cps__Envelope *envelope, union wire_body *body)
{
    envelope->body_case = body_of(message->kind);
    switch (envelope->body_case) {
    case CPS__ENVELOPE__BODY_HELLO:
        hello_to_wire(&message->hello, envelope->hello = &body->hello);
        break;
    case CPS__ENVELOPE__BODY_PLAN:
        plan_to_wire(&message->plan, envelope->plan = &body->plan);
        break;
    case CPS__ENVELOPE__BODY_GRANT:
        body->grant = (Cps__Grant)CPS__GRANT__INIT;
        body->grant.first_step = message->grant.first_step;
        body->grant.steps = message->grant.steps;
        envelope->grant = &body->grant;
        break;
    case CPS__ENVELOPE__BODY_EXCHANGE:
        exchange_to_wire(&message->exchange, envelope->exchange = &body->exchange);
        break;
    case CPS__ENVELOPE__BODY_ROWS:
        body->rows = (Cps__Rows)CPS__ROWS__INIT;
        body->rows.step = message->rows.step;
        body->rows.ticket = message->rows.ticket;
        body->rows.rows = message->rows.rows;
        envelope->rows = &body->rows;
        break;
    case CPS__ENVELOPE__BODY_REPORT:
        report_to_wire(&message->report, envelope->report = &body->report);
        break;
    case CPS__ENVELOPE__BODY_END:
        body->end = (Cps__End)CPS__END__INIT;
        body->end.status = (uint32_t)message->end.status;
        envelope->end = &body->end;
        break;
    default:
        break;
    }
}

/* False when a value is out of range. */
static bool body_from_wire(const Cps__Envelope *envelope, struct cps_message *message)
{
    switch (envelope->body_case) {
    case CPS__ENVELOPE__BODY_HELLO:
        return hello_from_wire(envelope->hello, &message->hello);
    case CPS__ENVELOPE__BODY_PLAN:
        return plan_from_wire(envelope->plan, &message->plan);
    case CPS__ENVELOPE__BODY_GRANT:
        message->grant = (struct cps_grant){envelope->grant->first_step, envelope->grant->steps};
        return true;
    case CPS__ENVELOPE__BODY_EXCHANGE:
        exchange_from_wire(envelope->exchange, &message->exchange);
        return true;
    case CPS__ENVELOPE__BODY_ROWS:
        message->rows = (struct cps_rows){envelope->rows->step, envelope->rows->ticket, envelope->rows->rows};
        return true;
    case CPS__ENVELOPE__BODY_REPORT:
        report_from_wire(envelope->report, &message->report);
        return true;
    case CPS__ENVELOPE__BODY_END:
        message->end.status = (enum cps_status)envelope->end->status;
        return envelope->end->status <= CPS_ERR_INTERRUPTED;
    default:
        return true;
    }
}

size_t cps_codec_encode(const struct cps_message *message, uint8_t header[CPS_CODEC_HEADER_BYTES])
{
    union wire_body body;
    Cps__Envelope envelope = CPS__ENVELOPE__INIT;
    envelope.protocol = CPS_PROTOCOL_VERSION;
    envelope.kind = (Cps__Kind)(message->kind + 1);
    envelope.from = message->from;
    envelope.to = message->to;
    envelope.run_id = message->run_id;
    envelope.sequence = message->sequence;
    body_to_wire(message, &envelope, &body);
    size_t bytes = cps__envelope__pack(&envelope, header);
    assert(bytes <= CPS_CODEC_HEADER_BYTES);
    return bytes;
}

/* Memory for one decoding, handed out front to back and never taken back. */
struct arena {
    size_t used;
    _Alignas(16) uint8_t bytes[4096];
};

static void *arena_allocate(void *data, size_t size)
{
    struct arena *arena = data;
    size_t start = cps_round_up(arena->used, 16);
    if (size > sizeof arena->bytes - start)
        return NULL;
    arena->used = start + size;
    return arena->bytes + start;
}

static void arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static enum cps_status from_envelope(const Cps__Envelope *envelope, struct cps_message *out)
{
    if (envelope->protocol != CPS_PROTOCOL_VERSION)
        return cps_hint(cps_fail(CPS_ERR_PEER, "node %u speaks protocol version %u, this build version %u",
                                 envelope->from, envelope->protocol, CPS_PROTOCOL_VERSION),
                        "run the same build of collab-ps on every host");
    if (envelope->kind < CPS__KIND__KIND_HELLO || envelope->kind > CPS__KIND__KIND_HEARTBEAT)
        return cps_fail(CPS_ERR_PEER, "node %u sent a message of unknown kind %u", envelope->from,
                        (unsigned)envelope->kind);
    memset(out, 0, sizeof *out);
    out->kind = (enum cps_message_kind)(envelope->kind - 1);
    out->from = envelope->from;
    out->to = envelope->to;
    out->run_id = envelope->run_id;
    out->sequence = envelope->sequence;
    if (envelope->body_case != body_of(out->kind) || !body_from_wire(envelope, out))
        return cps_fail(CPS_ERR_PEER, "node %u sent '%s' with a body that is not one of it", envelope->from,
                        cps_message_kind_name(out->kind));
    return CPS_OK;
}

enum cps_status cps_codec_decode(const uint8_t *header, size_t bytes, struct cps_message *out)
{
    struct arena arena;
    arena.used = 0;
    ProtobufCAllocator allocator = {.alloc = arena_allocate, .free = arena_free, .allocator_data = &arena};
    Cps__Envelope *envelope = NULL;
    if (bytes <= CPS_CODEC_HEADER_BYTES)
        envelope = cps__envelope__unpack(&allocator, bytes, header);
    if (!envelope)
        return cps_fail(CPS_ERR_PEER, "a peer sent %zu bytes that are no message header", bytes);
    return from_envelope(envelope, out);
}

/* Where the payload of a frame begins. */
static size_t payload_offset(size_t header_bytes)
{
    return cps_round_up(CPS_FRAME_PREFIX_BYTES + header_bytes, CPS_CACHE_LINE);
}

size_t cps_codec_encode_frame(const struct cps_message *message, uint8_t start[CPS_FRAME_HEADER_BYTES])
{
    uint32_t prefix[2] = {(uint32_t)cps_codec_encode(message, start + CPS_FRAME_PREFIX_BYTES), 0};
    memcpy(start, prefix, sizeof prefix);
    size_t used = CPS_FRAME_PREFIX_BYTES + prefix[0];
    size_t offset = payload_offset(prefix[0]);
    memset(start + used, 0, offset - used);
    return offset;
}

enum cps_status cps_codec_decode_frame(struct cps_buffer *frame, struct cps_message *out)
{
    uint32_t prefix[2] = {UINT32_MAX, 0};
    if (frame->size >= sizeof prefix)
        memcpy(prefix, frame->data, sizeof prefix);
    enum cps_status status;
    if (prefix[0] > CPS_CODEC_HEADER_BYTES || frame->size < payload_offset(prefix[0]))
        status = cps_fail(CPS_ERR_PEER, "a peer sent %zu bytes that are no message frame", frame->size);
    else
        status = cps_codec_decode(frame->data + CPS_FRAME_PREFIX_BYTES, prefix[0], out);
    if (status != CPS_OK) {
        cps_buffer_release(frame);
        return status;
    }
    size_t offset = payload_offset(prefix[0]);
    if (frame->size == offset) {
        cps_buffer_release(frame);
        return CPS_OK;
    }
    cps_buffer_trim_front(frame, offset);
    out->payload = frame;
    return CPS_OK;
}
