/*
 * The messages between roles.
 *
 * A node is a role's number in the job: 0 is the coordinator, 1..S are the servers, then the
 * workers follow. Every message names its sender, its destination and its run; between ranks a
 * reliable channel (drive/channel.h) numbers and acknowledges messages, so that a role receives
 * each message once and in order, whatever the transport does.
 *
 *   coordinator -> all      PLAN, GRANT, STOP, HEARTBEAT
 *   all -> coordinator      HELLO, READY, REPORT, FAIL, HEARTBEAT
 *   server -> worker        LEND         rows of a block, to train or to read (block solver)
 *   worker -> server        RETURN       the same rows, trained
 *   worker -> server        EXCHANGE     push of step t-1 and pull for step t, in one
 *   server -> worker        ROWS         its answer
 *
 * (The coordinator sends EXCHANGE too, to read the rows it saves: in the block solver those of users from their
 * workers.)
 *
 * Small fields travel in the body, arrays in the payload: packed, in the byte order of
 * the machines (little-endian), naturally aligned from the payload's start.
 */
#ifndef CPS_NET_MESSAGE_H
#define CPS_NET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/model/exact.h"
#include "common/model/plan.h"
#include "common/net/buffer.h"
#include "common/net/phase.h"

/* Roles, as bits: the allowed senders and receivers of a kind. */
#define CPS_COORDINATOR 1u
#define CPS_SERVERS 2u
#define CPS_WORKERS 4u
#define CPS_ALL_ROLES 7u

/*
 * Every kind of message: name, text for counters and errors, body (one of CPS_BODY_MAP in
 * proto/fields.h, or NONE), roles that may send it, roles that may receive it, and its payload (the
 * function payload_… of message.c that computes its size).
 */
#define CPS_MESSAGE_MAP(X)                                                                                     \
    X(HELLO, "hello", HELLO, CPS_SERVERS | CPS_WORKERS, CPS_COORDINATOR, empty)                                \
    X(PLAN, "plan", PLAN, CPS_COORDINATOR, CPS_SERVERS | CPS_WORKERS, empty)                                   \
    X(READY, "ready", NONE, CPS_SERVERS | CPS_WORKERS, CPS_COORDINATOR, empty)                                 \
    X(GRANT, "grant", GRANT, CPS_COORDINATOR, CPS_SERVERS | CPS_WORKERS, grant)                                \
    X(EXCHANGE, "exchange", EXCHANGE, CPS_COORDINATOR | CPS_WORKERS, CPS_SERVERS | CPS_WORKERS, exchange)      \
    X(ROWS, "rows", ROWS, CPS_SERVERS | CPS_WORKERS, CPS_COORDINATOR | CPS_WORKERS, rows)                      \
    X(REPORT, "report", REPORT, CPS_SERVERS | CPS_WORKERS, CPS_COORDINATOR, report)                            \
    X(FAIL, "fail", END, CPS_SERVERS | CPS_WORKERS, CPS_COORDINATOR, end)                                      \
    X(STOP, "stop", END, CPS_COORDINATOR, CPS_SERVERS | CPS_WORKERS, end)                                      \
    X(HEARTBEAT, "heartbeat", PULSE, CPS_ALL_ROLES, CPS_ALL_ROLES, empty)                                      \
    X(SNAPSHOT, "snapshot", SNAPSHOT, CPS_COORDINATOR | CPS_SERVERS, CPS_SERVERS | CPS_WORKERS, empty)         \
    X(KEPT, "kept", SNAPSHOT, CPS_SERVERS, CPS_COORDINATOR, empty)                                             \
    X(FETCH, "fetch", STATE, CPS_COORDINATOR | CPS_SERVERS, CPS_COORDINATOR | CPS_SERVERS, empty)              \
    X(STATE, "state", STATE, CPS_COORDINATOR | CPS_SERVERS, CPS_COORDINATOR | CPS_SERVERS, state)              \
    X(PASS, "pass", PASS, CPS_COORDINATOR, CPS_SERVERS, empty)                                                 \
    X(LEND, "lend", LEASE, CPS_SERVERS, CPS_WORKERS, lease)                                                    \
    X(RETURN, "return", LEASE, CPS_WORKERS, CPS_SERVERS, lease)

enum cps_message_kind {
#define X(name, ...) CPS_MESSAGE_##name,
    CPS_MESSAGE_MAP(X)
#undef X
        CPS_MESSAGE_KINDS
};

/* An exact sum of errors in a message: a 128-bit integer in units of 2^-64 (common/model/exact.h). */
struct cps_loss_sum {
    uint64_t low, high;
};

static inline struct cps_loss_sum cps_loss_sum_of(cps_int128 sum)
{
    return (struct cps_loss_sum){.low = (uint64_t)sum, .high = (uint64_t)((unsigned __int128)sum >> 64)};
}

static inline cps_int128 cps_loss_sum_value(struct cps_loss_sum sum)
{
    return (cps_int128)((unsigned __int128)sum.high << 64 | sum.low);
}

/* The request to a server in SNAPSHOT, and the outcome reported in KEPT. */
enum cps_snapshot_action {
    CPS_SNAPSHOT_HOLD,   /* pause training; KEPT: paused after step */
    CPS_SNAPSHOT_TAKE,   /* continue, and keep a copy of the rows as of step; KEPT: the copy exists */
    CPS_SNAPSHOT_GO_ON,  /* continue; never in KEPT */
    CPS_SNAPSHOT_REFUSED /* only in KEPT: no copy, since one is still being fetched or memory is short */
};

/* The bodies; their fields are documented in proto/fields.h. */
struct cps_hello {
    CPS_HELLO_FIELDS(CPS_FIELD)
};
struct cps_grant {
    CPS_GRANT_FIELDS(CPS_FIELD)
};
struct cps_exchange {
    CPS_EXCHANGE_FIELDS(CPS_FIELD)
};
/* A part of a row's gradient, as an exchange carries it. */
struct cps_scaled {
    uint32_t row, other; /* places among the keys pulled last */
    float slope;
};
struct cps_rows {
    CPS_ROWS_FIELDS(CPS_FIELD)
};
/* The value that was out of range when training diverged, in the order in which a step computes them. */
enum cps_diverged {
    CPS_DIVERGED_NOT,
    CPS_DIVERGED_VALIDATION, /* the error of a validation rating, after the steps before */
    CPS_DIVERGED_ERROR,      /* the error of a rating of the step's batch */
    CPS_DIVERGED_UPDATE      /* a gradient of the step, or a weight after it */
};
struct cps_report {
    CPS_REPORT_FIELDS(CPS_FIELD)
};
struct cps_end {
    CPS_END_FIELDS(CPS_FIELD)
};
struct cps_pass {
    CPS_PASS_FIELDS(CPS_FIELD)
};
struct cps_pulse {
    CPS_PULSE_FIELDS(CPS_FIELD)
};
struct cps_snapshot {
    CPS_SNAPSHOT_FIELDS(CPS_FIELD)
};
struct cps_lease {
    CPS_LEASE_FIELDS(CPS_FIELD)
};
struct cps_state {
    CPS_STATE_FIELDS(CPS_FIELD)
};

struct cps_message {
    enum cps_message_kind kind;
    uint32_t from, to;
    uint64_t run_id;
    uint64_t sequence; /* counts the frames from `from` to `to`, from 0 without gaps; 0 in a HEARTBEAT */
    uint64_t ack;      /* the sequence that `from` expects next from `to` */
    uint32_t incarnation,
        peer_incarnation; /* how often `from` was restarted, and how often `to` was as far as `from` knows */
    union {
#define X(number, name, ...) struct cps_##name name;
        CPS_BODY_MAP(X)
#undef X
    };
    struct cps_buffer *payload; /* owned (one reference); NULL when empty */
};

/* The number of payload bytes, 0 if there is no payload. */
static inline size_t cps_message_payload_bytes(const struct cps_message *message)
{
    return message->payload ? message->payload->size : 0;
}

/* Where the parts of an exchange's payload are, whose size was checked. */
struct cps_exchange_parts {
    const int64_t *sums;
    const float *singles;
    const struct cps_scaled *scaled;
    const uint32_t *pushed, *asked; /* keys: of sums and singles; to pull and to read */
};
struct cps_exchange_parts cps_exchange_parts(const struct cps_message *message, uint32_t width);

/* Releases the payload. */
static inline void cps_message_release(struct cps_message *message)
{
    cps_buffer_release(message->payload);
    message->payload = NULL;
}

/* The name of a kind, for counters and errors. */
const char *cps_message_kind_name(enum cps_message_kind kind);

/* Whether a node of role `from` may send kind to one of role `to`; each is one of the bits above. */
bool cps_message_allowed(enum cps_message_kind kind, unsigned from, unsigned to);

/* Makes the error text and hint of a FAIL or STOP this thread's last error. Returns its status. */
enum cps_status cps_message_end(const struct cps_message *message);

/* The largest valid payload in a run; larger ones are refused before memory is allocated for them. It is that
 * of an exchange or its answer, for rows of width floats and every row of a batch of batch_size in one share,
 * or CPS_MESSAGE_ROOM if that is more; no other kind may need more than that. */
#define CPS_MESSAGE_ROOM ((size_t)64 << 20)
size_t cps_message_most_bytes(uint32_t batch_size, uint32_t width);

/* Checks that the payload's size matches the body, for rows of width floats; roles call it before they
 * read a payload. CPS_ERR_PEER otherwise: a peer that violates the protocol counts as lost. */
enum cps_status cps_message_check(const struct cps_message *message, uint32_t width);

#endif
