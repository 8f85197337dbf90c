/*
 * Converts between struct cps_message and the protobuf Envelope of proto/wire.proto.
 *
 * Both directions follow the list in proto/fields.h. Encoding builds the protobuf structs on the stack and
 * packs them into the caller's bytes. Decoding gives protobuf-c an arena on the stack instead of malloc: a
 * header that needs more than the arena is longer than any this build writes, and is refused.
 */
#include "common/net/codec.h"

#include <string.h>

#include "common/base/memory.h"
#include "proto/wire.pb-c.h"

/* The body of a kind in the Envelope's oneof. */
static Cps__Envelope__BodyCase body_of(enum cps_message_kind kind)
{
    enum { CPS__ENVELOPE__BODY_NONE = CPS__ENVELOPE__BODY__NOT_SET };
    static const Cps__Envelope__BodyCase bodies[CPS_MESSAGE_KINDS] = {
#define X(name, text, body, ...) [CPS_MESSAGE_##name] = (Cps__Envelope__BodyCase)CPS__ENVELOPE__BODY_##body,
        CPS_MESSAGE_MAP(X)
#undef X
    };
    return bodies[kind];
}

union wire_body {
#define X(number, name, Name, ...) Cps__##Name name;
    CPS_BODY_MAP(X)
#undef X
};

/* Copies a field of the program's struct to protobuf's. Bytes are borrowed: packed, never freed. */
#define PUT_BOOL(name) wire->name = body->name
#define PUT_U32(name) wire->name = body->name
#define PUT_U64(name) wire->name = body->name
#define PUT_F32(name) wire->name = body->name
#define PUT_F64(name) wire->name = body->name
#define PUT_CHOICE(name) wire->name = (uint32_t)body->name
#define PUT_MODEL PUT_CHOICE
#define PUT_OPTIMIZER PUT_CHOICE
#define PUT_SCHEDULE PUT_CHOICE
#define PUT_SOLVER PUT_CHOICE
#define PUT_CONSISTENCY PUT_CHOICE
#define PUT_STATUS PUT_CHOICE
#define PUT_ACTION PUT_CHOICE
#define PUT_BYTES(name) (wire->name.len = sizeof body->name, wire->name.data = (uint8_t *)&body->name)
#define PUT_DIGEST PUT_BYTES
#define PUT_LOSS PUT_BYTES
#define PUT_TIMES PUT_BYTES
#define PUT(number, type, name, ...) PUT_##type(name);

/* Copies a field of protobuf's struct to the program's; false if a value is outside its enum or the number of
 * bytes is wrong. */
#define TAKE_BOOL(name) (body->name = wire->name != 0, true)
#define TAKE_U32(name) (body->name = wire->name, true)
#define TAKE_U64(name) (body->name = wire->name, true)
#define TAKE_F32(name) (body->name = wire->name, true)
#define TAKE_F64(name) (body->name = wire->name, true)
#define TAKE_CHOICE(name, type, count) (wire->name < (count) && (body->name = (type)wire->name, true))
#define TAKE_MODEL(name) TAKE_CHOICE(name, enum cps_model_kind, CPS_MODELS)
#define TAKE_OPTIMIZER(name) TAKE_CHOICE(name, enum cps_optimizer_kind, CPS_OPTIMIZERS)
#define TAKE_SCHEDULE(name) TAKE_CHOICE(name, enum cps_schedule_kind, CPS_SCHEDULES)
#define TAKE_SOLVER(name) TAKE_CHOICE(name, enum cps_solver_kind, CPS_SOLVERS)
#define TAKE_CONSISTENCY(name) TAKE_CHOICE(name, enum cps_consistency, CPS_CONSISTENCIES)
#define TAKE_STATUS(name) TAKE_CHOICE(name, enum cps_status, CPS_ERR_INTERRUPTED + 1)
#define TAKE_ACTION(name) TAKE_CHOICE(name, enum cps_snapshot_action, CPS_SNAPSHOT_REFUSED + 1)
#define TAKE_BYTES(name)                                                                                       \
    (wire->name.len == sizeof body->name && memcpy(&body->name, wire->name.data, sizeof body->name))
#define TAKE_DIGEST TAKE_BYTES
#define TAKE_LOSS TAKE_BYTES
#define TAKE_TIMES TAKE_BYTES
#define TAKE(number, type, name, ...)                                                                          \
    if (!(TAKE_##type(name)))                                                                                  \
        return false;

#define BODY(number, name, Name, list)                                                                         \
    static void name##_to_wire(const struct cps_##name *body, Cps__##Name *wire)                               \
    {                                                                                                          \
        cps__##name##__init(wire);                                                                             \
        CPS_##list##_FIELDS(PUT)                                                                               \
    }                                                                                                          \
    static bool name##_from_wire(const Cps__##Name *wire, struct cps_##name *body)                             \
    {                                                                                                          \
        CPS_##list##_FIELDS(TAKE) return true;                                                                 \
    }
CPS_BODY_MAP(BODY)

/* Room for the longest header: the maximum size of each field, including two bytes for its number. */
#define MOST_BOOL 1
#define MOST_U32 5
#define MOST_U64 8
#define MOST_F32 4
#define MOST_F64 8
#define MOST_MODEL 5
#define MOST_OPTIMIZER 5
#define MOST_SCHEDULE 5
#define MOST_SOLVER 5
#define MOST_CONSISTENCY 5
#define MOST_STATUS 5
#define MOST_ACTION 5
#define MOST_DIGEST (1 + CPS_SHA256_BYTES)
#define MOST_LOSS (1 + sizeof(struct cps_loss_sum))
#define MOST_TIMES (1 + CPS_PHASES * sizeof(uint64_t))
#define MOST(number, type, ...) +2 + MOST_##type
enum { MOST_ENVELOPE = 6 * (2 + MOST_U32) + 3 * (2 + MOST_U64) + 2 + 2 };
#define FITS(number, name, Name, list)                                                                         \
    _Static_assert(MOST_ENVELOPE + CPS_##list##_FIELDS(MOST) <= CPS_CODEC_HEADER_BYTES,                        \
                   "raise CPS_CODEC_HEADER_BYTES for '" #name "'");
CPS_BODY_MAP(FITS)

/* Fills body and points the envelope at it. */
static void body_to_wire(const struct cps_message *message, Cps__Envelope *envelope, union wire_body *body)
{
    envelope->body_case = body_of(message->kind);
    switch (envelope->body_case) {
#define X(number, name, Name, list)                                                                            \
    case CPS__ENVELOPE__BODY_##list:                                                                           \
        name##_to_wire(&message->name, envelope->name = &body->name);                                          \
        break;
        CPS_BODY_MAP(X)
#undef X
    default:
        break;
    }
}

/* False if a value is out of range. */
static bool body_from_wire(const Cps__Envelope *envelope, struct cps_message *message)
{
    switch (envelope->body_case) {
#define X(number, name, Name, list)                                                                            \
    case CPS__ENVELOPE__BODY_##list:                                                                           \
        return name##_from_wire(envelope->name, &message->name);
        CPS_BODY_MAP(X)
#undef X
    default:
        return true;
    }
}

size_t cps_codec_encode(const struct cps_message *message, uint8_t header[CPS_CODEC_HEADER_BYTES])
{
    union wire_body body;
    Cps__Envelope envelope = CPS__ENVELOPE__INIT;
    envelope.protocol = CPS_PROTOCOL_VERSION;
    envelope.kind = (uint32_t)message->kind + 1;
    envelope.from = message->from;
    envelope.to = message->to;
    envelope.run_id = message->run_id;
    envelope.sequence = message->sequence;
    envelope.ack = message->ack;
    envelope.incarnation = message->incarnation;
    envelope.peer_incarnation = message->peer_incarnation;
    body_to_wire(message, &envelope, &body);
    return cps__envelope__pack(&envelope, header);
}

/* Memory for one decoding, allocated front to back and never freed. */
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
    if (envelope->kind < 1 || envelope->kind > CPS_MESSAGE_KINDS)
        return cps_fail(CPS_ERR_PEER, "node %u sent a message of unknown kind %u", envelope->from,
                        envelope->kind);
    memset(out, 0, sizeof *out);
    out->kind = (enum cps_message_kind)(envelope->kind - 1);
    out->from = envelope->from;
    out->to = envelope->to;
    out->run_id = envelope->run_id;
    out->sequence = envelope->sequence;
    out->ack = envelope->ack;
    out->incarnation = envelope->incarnation;
    out->peer_incarnation = envelope->peer_incarnation;
    if (envelope->body_case != body_of(out->kind) || !body_from_wire(envelope, out))
        return cps_fail(CPS_ERR_PEER, "node %u sent '%s' with the body of another kind of message",
                        envelope->from, cps_message_kind_name(out->kind));
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
        return cps_fail(CPS_ERR_PEER, "a peer sent %zu bytes that are not a message header", bytes);
    return from_envelope(envelope, out);
}

/* The offset of a frame's payload. */
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
        status = cps_fail(CPS_ERR_PEER, "a peer sent %zu bytes that are not a message frame", frame->size);
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
