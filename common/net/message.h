/*
 * What the roles say to each other.
 *
 * A node is a role's number in the job: 0 the coordinator, 1..S the servers, then the
 * workers. Every message says from which node to which, in which run, and its place in
 * the sequence of that pair of nodes, counted from 0 without gaps: whoever receives
 * puts them back in order and drops the second copy (inbox.h), so that a role sees each
 * message once and in order, whatever the transport did.
 *
 *   coordinator -> all      PLAN, GRANT, STOP, HEARTBEAT
 *   all -> coordinator      HELLO, READY, FAIL, HEARTBEAT
 *   worker, server -> coordinator   REPORT
 *   worker -> server        EXCHANGE     push of step t-1 and pull for step t, in one
 *   server -> worker        ROWS         its answer
 *
 * (The coordinator sends EXCHANGE too, to read the rows it saves.)
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
#include "common/model/plan.h"
#include "common/net/buffer.h"
#include "common/net/phase.h"

#define CPS_MESSAGE_MAP(X)                                                                                     \
    X(HELLO, "hello")                                                                                          \
    X(PLAN, "plan")                                                                                            \
    X(READY, "ready")                                                                                          \
    X(GRANT, "grant")                                                                                          \
    X(EXCHANGE, "exchange")                                                                                    \
    X(ROWS, "rows")                                                                                            \
    X(REPORT, "report")                                                                                        \
    X(FAIL, "fail")                                                                                            \
    X(STOP, "stop")                                                                                            \
    X(HEARTBEAT, "heartbeat")

enum cps_message_kind {
#define X(name, text) CPS_MESSAGE_##name,
    CPS_MESSAGE_MAP(X)
#undef X
        CPS_MESSAGE_KINDS
};

/* A worker's ratings, so that the coordinator can see that all read the same. A server
 * has has_data false. */
struct cps_hello {
    bool has_data;
    uint8_t fingerprint[CPS_SHA256_BYTES];
    uint64_t train_count, valid_count; /* of this worker's shard */
    uint64_t sample_bytes;             /* memory they take */
};

/* Hyper-parameters of steps first_step .. first_step + steps - 1, and leave to train them.
 * Payload: double lr[steps], double momentum[steps]. */
struct cps_grant {
    uint64_t first_step;
    uint32_t steps;
};

/*
 * Push the gradients of step - 1 (when has_push), then answer with rows as they are
 * after `step` steps. pull_keys announce that their gradients will be pushed for step
 * `step`; read_keys change nothing. ticket, counted up by the sender, returns in ROWS.
 * Every worker sends every server one exchange with has_push for every step, be it empty.
 * Payload, in this order (width = cps_plan_row_width):
 *   int64  sums[sum_rows][width]     rows hit more than once by this worker: sums of
 *                                    fixed-point gradients, in units of 2^-gradient_bits
 *   float  singles[single_rows][width]  rows hit once: the gradient itself
 *   uint32 sum_keys[sum_rows], single_keys[single_rows], pull_keys[pull_rows],
 *          read_keys[read_rows]
 */
struct cps_exchange {
    uint64_t step;
    uint64_t ticket;
    bool has_push;
    uint32_t sum_rows, single_rows, pull_rows, read_rows;
};

/* Answers an exchange. Payload: float rows[rows][width], in the order of
 * pull_keys and then of read_keys. */
struct cps_rows {
    uint64_t step;
    uint64_t ticket;
    uint32_t rows;
};

/* An exact sum of squared errors: a 128-bit integer in units of 2^-64. */
struct cps_loss_sum {
    uint64_t low, high;
};

/* A worker's squared errors. Payload: struct cps_loss_sum of its part of the batch of each
 * of steps first_step .. first_step + steps - 1; has_valid: and, after the epoch's last
 * step, of its validation ratings. The report that ends an epoch also says where the time
 * of its rank went since the last such one. A server reports that alone, with steps 0. */
struct cps_report {
    uint64_t first_step;
    uint32_t steps;
    bool has_valid;
    uint32_t epoch;
    struct cps_loss_sum valid_sum;
    uint64_t valid_count;
    uint64_t spent_ns[CPS_PHASES]; /* of a worker COMPUTE, WAIT, VALIDATION; of a server OPTIMIZER; else 0 */
};

/* An error (FAIL, from where it was met) or the end of the run (STOP, from the
 * coordinator). Payload: the sentence, a NUL, the hint, a NUL; or nothing. */
struct cps_end {
    enum cps_status status;
};

struct cps_message {
    enum cps_message_kind kind;
    uint32_t from, to;
    uint64_t run_id;
    uint64_t sequence;
    union {
        struct cps_hello hello;
        struct cps_plan plan;
        struct cps_grant grant;
        struct cps_exchange exchange;
        struct cps_rows rows;
        struct cps_report report;
        struct cps_end end;
    };
    struct cps_buffer *payload; /* owned (one reference); NULL when empty */
};

/* Payload bytes, 0 when there is none. */
static inline size_t cps_message_payload_bytes(const struct cps_message *message)
{
    return message->payload ? message->payload->size : 0;
}

/* Gives up the payload. */
static inline void cps_message_release(struct cps_message *message)
{
    cps_buffer_release(message->payload);
    message->payload = NULL;
}

/* The name of a kind, for counters and errors. */
const char *cps_message_kind_name(enum cps_message_kind kind);

/* Takes over what a FAIL or STOP says: its sentence and hint become this thread's last
 * error. Returns its status. */
enum cps_status cps_message_end(const struct cps_message *message);

/* Checks that the payload's size is what the body says, for rows of width floats.
 * CPS_ERR_PEER otherwise: a peer that speaks wrongly is a lost one. */
enum cps_status cps_message_check(const struct cps_message *message, uint32_t width);

#endif
