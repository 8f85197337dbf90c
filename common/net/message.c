/*
 * Properties of each kind of message, and the check that a payload matches its body. The codec checks each
 * value of a body by itself; roles use these values to index the payload.
 */
#include "common/net/message.h"

#include <string.h>

const char *cps_message_kind_name(enum cps_message_kind kind)
{
    static const char *const names[] = {
#define X(name, text, ...) [CPS_MESSAGE_##name] = text,
        CPS_MESSAGE_MAP(X)
#undef X
    };
    return (unsigned)kind < CPS_MESSAGE_KINDS ? names[kind] : "unknown";
}

bool cps_message_allowed(enum cps_message_kind kind, unsigned from, unsigned to)
{
    static const struct {
        unsigned from, to;
    } allowed[] = {
#define X(name, text, body, senders, receivers, ...) [CPS_MESSAGE_##name] = {senders, receivers},
        CPS_MESSAGE_MAP(X)
#undef X
    };
    return (unsigned)kind < CPS_MESSAGE_KINDS && (allowed[kind].from & from) && (allowed[kind].to & to);
}

/* A 32-bit count times a 32-bit width times 8 needs 67 bits. */
typedef unsigned __int128 wide;

static enum cps_status check_size(const struct cps_message *message, wide expected)
{
    size_t bytes = cps_message_payload_bytes(message);
    if (bytes == expected)
        return CPS_OK;
    return cps_fail(CPS_ERR_PEER, "node %u sent '%s' with a payload of %zu bytes, but its header says %s%llu",
                    message->from, cps_message_kind_name(message->kind), bytes,
                    expected > UINT64_MAX ? "more than " : "",
                    (unsigned long long)(expected > UINT64_MAX ? UINT64_MAX : (uint64_t)expected));
}

static enum cps_status refuse(const struct cps_message *message, const char *why)
{
    return cps_fail(CPS_ERR_PEER, "node %u sent '%s' with %s", message->from,
                    cps_message_kind_name(message->kind), why);
}

static enum cps_status payload_empty(const struct cps_message *message, uint32_t width)
{
    (void)width;
    return check_size(message, 0);
}

static enum cps_status payload_grant(const struct cps_message *message, uint32_t width)
{
    (void)width;
    return check_size(message, (wide)message->grant.steps * 2 * sizeof(double));
}

static enum cps_status payload_rows(const struct cps_message *message, uint32_t width)
{
    return check_size(message, (wide)message->rows.rows * width * sizeof(float));
}

static enum cps_status payload_state(const struct cps_message *message, uint32_t width)
{
    (void)width;
    return check_size(message, (wide)message->state.rows * message->state.words * sizeof(uint32_t));
}

static enum cps_status payload_lease(const struct cps_message *message, uint32_t width)
{
    (void)width;
    return check_size(message, (wide)message->lease.rows * message->lease.row_floats * sizeof(float));
}

static enum cps_status payload_report(const struct cps_message *message, uint32_t width)
{
    (void)width;
    return check_size(message,
                      (wide)message->report.steps *
                          (sizeof(struct cps_loss_sum) + (message->report.counted ? sizeof(uint64_t) : 0)));
}

static enum cps_status payload_exchange(const struct cps_message *message, uint32_t width)
{
    const struct cps_exchange *body = &message->exchange;
    if (!body->has_push && (body->sum_rows || body->single_rows || body->scaled))
        return refuse(message, "gradients but no push");
    wide rows = (wide)body->sum_rows * width * sizeof(int64_t) +
                (wide)body->single_rows * width * sizeof(float) +
                (wide)body->scaled * sizeof(struct cps_scaled);
    wide keys = (wide)body->sum_rows + body->single_rows + body->pull_rows + body->read_rows;
    return check_size(message, rows + keys * sizeof(uint32_t));
}

struct cps_exchange_parts cps_exchange_parts(const struct cps_message *message, uint32_t width)
{
    const struct cps_exchange *body = &message->exchange;
    if (!message->payload)
        return (struct cps_exchange_parts){0};
    const int64_t *sums = (const int64_t *)(const void *)message->payload->data;
    const float *singles = (const float *)(const void *)(sums + (size_t)body->sum_rows * width);
    const void *scaled = singles + (size_t)body->single_rows * width;
    const void *keys = (const struct cps_scaled *)scaled + body->scaled;
    const uint32_t *pushed = keys;
    return (struct cps_exchange_parts){.sums = sums,
                                       .singles = singles,
                                       .scaled = scaled,
                                       .pushed = pushed,
                                       .asked = pushed + (size_t)body->sum_rows + body->single_rows};
}

/* The payload is empty, or two strings that each end with NUL. */
static enum cps_status payload_end(const struct cps_message *message, uint32_t width)
{
    (void)width;
    size_t bytes = cps_message_payload_bytes(message);
    if (bytes == 0)
        return CPS_OK;
    const uint8_t *text = message->payload->data;
    const uint8_t *first = memchr(text, 0, bytes);
    const uint8_t *second = first ? memchr(first + 1, 0, bytes - (size_t)(first + 1 - text)) : NULL;
    if (!second || second + 1 != text + bytes)
        return refuse(message, "a payload that is not a sentence and a hint");
    return CPS_OK;
}

enum cps_status cps_message_end(const struct cps_message *message)
{
    enum cps_status status = message->end.status;
    if (payload_end(message, 0) != CPS_OK)
        return CPS_ERR_PEER;
    if (!message->payload)
        return status == CPS_OK ? CPS_OK : cps_fail(status, "%s", cps_status_text(status));
    const char *text = (const char *)message->payload->data, *hint = text + strlen(text) + 1;
    cps_fail(status, "%s", text[0] ? text : cps_status_text(status));
    return hint[0] ? cps_hint(status, "%s", hint) : status;
}

size_t cps_message_most_bytes(uint32_t batch_size, uint32_t width)
{
    size_t row =
        (size_t)width * sizeof(int64_t) + 2 * sizeof(uint32_t); /* a sum, and keys to push and to pull */
    size_t rows = 2 * (size_t)batch_size; /* one of a user and one of a movie for each rating */
    return rows * row > CPS_MESSAGE_ROOM / 2 ? rows * row + CPS_MESSAGE_ROOM / 2 : CPS_MESSAGE_ROOM;
}

enum cps_status cps_message_check(const struct cps_message *message, uint32_t width)
{
    static enum cps_status (*const checks[])(const struct cps_message *, uint32_t) = {
#define X(name, text, body, senders, receivers, payload) [CPS_MESSAGE_##name] = payload_##payload,
        CPS_MESSAGE_MAP(X)
#undef X
    };
    if ((unsigned)message->kind < CPS_MESSAGE_KINDS)
        return checks[message->kind](message, width);
    return cps_fail(CPS_ERR_PEER, "node %u sent a message of unknown kind %u", message->from,
                    (unsigned)message->kind);
}
