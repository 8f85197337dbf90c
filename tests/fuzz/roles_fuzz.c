/*
 * libFuzzer target for hostile peers: frames pass the decoder, the check of sender and kind, and the channel
 * into a role, in the order of the input.
 *
 * The first byte of an input chooses the role; each further step begins with a byte that selects one of:
 *
 *   a frame as raw bytes; a message whose every field comes from the input, with a payload of the right size
 *   or another; the message that an honest peer would send next, so that deeper states are reached; a
 *   tick of the clock
 *
 * A role may refuse a message, which ends the input, but must not crash, read beyond a payload, or allocate
 * memory for data that were not sent. Only the sizes in a plan are kept small.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/drive/links.h"
#include "common/model/kernels.h"
#include "common/net/codec.h"
#include "common/net/route.h"
#include "server/coordinator/coordinator.h"
#include "server/shard/server.h"
#include "tests/fuzz/payload.h"
#include "worker/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVERS = 2, WORKERS = 2, NODES = 1 + SERVERS + WORKERS, MOST_PAYLOAD = 8192, MOST_ROWS = 300 };
enum { TRAIN = 12, VALID = 5, BATCH = 4, EPOCHS = 2, STEPS = TRAIN / BATCH * EPOCHS };
enum action { RAW, FORGED, HONEST, TICK, ACTIONS };

static const uint64_t RUN_ID = 7;
static const uint32_t node_rank[NODES] = {0, 1, 2, 3, 4};

struct input {
    const uint8_t *data;
    size_t size;
};

struct rig {
    struct input input;
    struct cps_plan plan;
    struct cps_route route;
    struct cps_buffer_pool *pool;
    struct cps_outbox outbox;
    struct cps_links links;
    struct cps_role role;
    struct cps_coordinator *coordinator;
    struct cps_server *server;
    struct cps_worker *worker;
    uint64_t now_ns, said[NODES]; /* next sequence number of each node */
    uint32_t honest;              /* messages of the script so far */
    uint64_t step, ticket;        /* of the last exchange of a worker under test */
};

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* ---- numbers from the input; zeroes once it is used up ---- */

static uint64_t take(struct input *self, size_t bytes)
{
    uint64_t value = 0;
    bytes = bytes < self->size ? bytes : self->size;
    memcpy(&value, self->data, bytes);
    self->data += bytes;
    self->size -= bytes;
    return value;
}

/* Usually small, sometimes any number. */
static uint64_t number(struct input *self)
{
    uint64_t first = take(self, 1);
    return first < 250 ? first : first == 250 ? UINT64_MAX - take(self, 1) : take(self, 8);
}

static double real(struct input *self)
{
    static const double odd[] = {0, -1, 1e-30, 1e30, -1e300, FLT_MAX, 0x1p62, 1};
    uint64_t bits = take(self, 1);
    double value = odd[bits % 8];
    if (bits >= 128) {
        bits = take(self, 8);
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

#define FILL_BOOL(field) field = number(input) & 1
#define FILL_U32(field) field = (uint32_t)number(input)
#define FILL_U64(field) field = number(input)
#define FILL_F32(field) field = (float)real(input)
#define FILL_F64(field) field = real(input)
#define FILL_MODEL(field) field = (enum cps_model_kind)(number(input) % CPS_MODELS)
#define FILL_OPTIMIZER(field) field = (enum cps_optimizer_kind)(number(input) % CPS_OPTIMIZERS)
#define FILL_SCHEDULE(field) field = (enum cps_schedule_kind)(number(input) % CPS_SCHEDULES)
#define FILL_CONSISTENCY(field) field = (enum cps_consistency)(number(input) % CPS_CONSISTENCIES)
#define FILL_SOLVER(field) field = (enum cps_solver_kind)(number(input) % CPS_SOLVERS)
#define FILL_STATUS(field) field = (enum cps_status)(number(input) % (CPS_ERR_INTERRUPTED + 1))
#define FILL_ACTION(field) field = (enum cps_snapshot_action)(number(input) % (CPS_SNAPSHOT_REFUSED + 1))
#define FILL_DIGEST(field) memset(field, (int)number(input), sizeof(field))
#define FILL_LOSS(field) field.low = number(input), field.high = number(input)
#define FILL_TIMES(field) memset(field, (int)number(input), sizeof(field))
#define FILL(code, type, name, ...) FILL_##type(body->name);
#define BODY(code, name, schema, list)                                                                         \
    static void fill_##name(struct input *input, struct cps_##name *body)                                      \
    {                                                                                                          \
        CPS_##list##_FIELDS(FILL)                                                                              \
    }
CPS_BODY_MAP(BODY)

static void no_body(struct input *input, struct cps_message *message)
{
    (void)input;
    (void)message;
}

/* ---- the rig ---- */

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    (void)context;
    (void)start;
    return CPS_OK;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    (void)context;
    (void)step;
    return CPS_OK;
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    (void)context;
    (void)epoch;
    return CPS_OK;
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    (void)context;
    (void)step;
    return CPS_OK;
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    (void)context;
    (void)first_key;
    volatile float sink = 0;
    for (uint32_t i = 0; i < count; i++)
        sink = rows[i];
    (void)sink;
    return CPS_OK;
}

static enum cps_status on_complete(void *context)
{
    (void)context;
    return CPS_OK;
}

static enum cps_status lose(void *context, const struct cps_message *frame, bool *sent)
{
    (void)context;
    (void)frame;
    *sent = true;
    return CPS_OK;
}

static uint32_t users[TRAIN + VALID] = {0, 1, 2, 3, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 0, 2};
static uint32_t movies[TRAIN + VALID] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 1, 2};
static float ratings[TRAIN + VALID] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2};
static uint32_t indices[TRAIN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static const struct cps_dataset dataset = {
    .rating_count = TRAIN + VALID,
    .train_count = TRAIN,
    .valid_count = VALID,
    .users.rows = 4,
    .movies.rows = 6,
    .train = {TRAIN, users, movies, ratings, indices},
    .valid = {VALID, users + TRAIN, movies + TRAIN, ratings + TRAIN, NULL},
};

static void create_role(struct rig *self, uint32_t node)
{
    static const struct cps_observer observer = {.on_start = on_start,
                                                 .on_step = on_step,
                                                 .on_epoch = on_epoch,
                                                 .on_diverged = on_diverged,
                                                 .on_rows = on_rows,
                                                 .on_complete = on_complete};
    if (node == 0) {
        require(cps_coordinator_create(&self->plan, dataset.fingerprint, &observer, 0, &self->coordinator) ==
                CPS_OK);
        self->role = cps_coordinator_role(self->coordinator);
    } else if (node == 1) {
        require(cps_server_create(0, NODES, &cps_kernels_scalar, NULL, NULL, &self->server) == CPS_OK);
        self->role = cps_server_role(self->server);
    } else {
        require(cps_worker_create(node, &dataset, &cps_kernels_scalar, NULL, NULL, &self->worker) == CPS_OK);
        self->role = cps_worker_role(self->worker);
    }
}

static void rig_init(struct rig *self, const uint8_t *data, size_t size)
{
    static const uint32_t nodes[] = {0, 1, 1 + SERVERS};
    *self = (struct rig){.input = {data, size}, .now_ns = 1};
    self->plan = (struct cps_plan){.model = CPS_MODEL_BIAS,
                                   .factors = 3,
                                   .user_rows = 4,
                                   .movie_rows = 6,
                                   .epochs = EPOCHS,
                                   .batch_size = BATCH,
                                   .train_count = TRAIN,
                                   .valid_count = VALID,
                                   .lr_max = 0.01,
                                   .wd = 0.1,
                                   .wd_bias = 0.1,
                                   .gradient_bits = 40,
                                   .servers = SERVERS,
                                   .workers = WORKERS};
    uint32_t node = nodes[take(&self->input, 1) % 3];
    self->route = (struct cps_route){
        .rank = node, .ranks = NODES, .nodes = NODES, .servers = SERVERS, .node_rank = node_rank};
    require(cps_buffer_pool_create(&self->pool) == CPS_OK);
    require(cps_outbox_init(&self->outbox, self->pool, node, NODES, RUN_ID) == CPS_OK);
    require(cps_links_init(&self->links, node, NODES, RUN_ID, 0, 1000000) == CPS_OK);
    self->links.transmit = lose;
    create_role(self, node);
}

static void rig_release(struct rig *self)
{
    cps_coordinator_destroy(&self->coordinator);
    cps_server_destroy(&self->server);
    cps_worker_destroy(&self->worker);
    cps_outbox_release(&self->outbox);
    cps_links_release(&self->links);
    cps_buffer_pool_destroy(&self->pool);
}

/* Sends the messages of the role, and remembers its requests. */
static enum cps_status collect(struct rig *self)
{
    enum cps_status status = CPS_OK;
    for (size_t i = 0; i < self->outbox.count; i++) {
        struct cps_message *message = &self->outbox.messages[i];
        if (message->kind == CPS_MESSAGE_EXCHANGE) {
            self->step = message->exchange.step;
            self->ticket = message->exchange.ticket;
        }
        if (status == CPS_OK)
            status = cps_links_send(&self->links, message, self->now_ns);
        else
            cps_message_release(message);
    }
    self->outbox.count = 0;
    return status;
}

static enum cps_status hand_on(struct rig *self, struct cps_message *message)
{
    enum cps_status status = self->role.ops->on_message(self->role.self, message, &self->outbox);
    cps_message_release(message);
    return status == CPS_OK ? collect(self) : status;
}

/* Delivers a frame as bytes, in a buffer of exactly its size. */
static enum cps_status arrive(struct rig *self, const uint8_t *bytes, size_t size)
{
    struct cps_buffer *frame;
    struct cps_message message = {0};
    bool ready;
    require(cps_buffer_acquire(self->pool, size, &frame) == CPS_OK);
    memcpy(frame->data, bytes, size);
    if (cps_codec_decode_frame(frame, &message) != CPS_OK)
        return CPS_OK; /* dropped */
    if (message.from >= NODES || cps_route_check(&self->route, node_rank[message.from], &message) != CPS_OK) {
        cps_message_release(&message);
        return CPS_OK;
    }
    uint32_t peer = message.from;
    CPS_TRY(cps_links_receive(&self->links, &message, self->now_ns, &ready));
    if (!ready)
        return CPS_OK;
    self->said[peer] += message.kind != CPS_MESSAGE_HEARTBEAT;
    CPS_TRY(hand_on(self, &message));
    while (cps_links_early(&self->links, peer, &message)) {
        self->said[peer]++;
        CPS_TRY(hand_on(self, &message));
    }
    return CPS_OK;
}

/* ---- messages of peers ---- */

static enum cps_status say_raw(struct rig *self)
{
    size_t size = take(&self->input, 1);
    size = size < self->input.size ? size : self->input.size;
    const uint8_t *bytes = self->input.data;
    self->input.data += size;
    self->input.size -= size;
    return arrive(self, bytes, size);
}

/* The payload size according to the body of message, if it is small. */
static size_t payload_size(const struct cps_message *message, uint32_t width)
{
    size_t bytes = cps_payload_bytes(message, width);
    return bytes <= MOST_PAYLOAD ? bytes : 0;
}

/* Sends message as a frame, with a payload of size bytes taken cyclically from the input. */
static enum cps_status send_frame(struct rig *self, const struct cps_message *message, size_t size)
{
    static uint8_t frame[CPS_FRAME_HEADER_BYTES + MOST_PAYLOAD];
    size_t offset = cps_codec_encode_frame(message, frame);
    uint8_t pattern[8];
    uint64_t bits = take(&self->input, sizeof pattern);
    memcpy(pattern, &bits, sizeof pattern);
    for (size_t i = 0; i < size; i++)
        frame[offset + i] = pattern[i % sizeof pattern];
    return arrive(self, frame, offset + size);
}

/* Only the sizes of tables are limited, since 2^38 parameters would be allowed. */
static void tame(struct cps_message *message)
{
    if (message->kind != CPS_MESSAGE_PLAN)
        return;
    message->plan.user_rows %= MOST_ROWS;
    message->plan.movie_rows %= MOST_ROWS;
    message->plan.factors %= MOST_ROWS;
}

static enum cps_status say_forged(struct rig *self)
{
    struct input *input = &self->input;
    struct cps_message message = {.kind = (enum cps_message_kind)(take(input, 1) % CPS_MESSAGE_KINDS),
                                  .from = (uint32_t)number(input) % (NODES + 1),
                                  .to = self->route.rank,
                                  .run_id = RUN_ID};
    uint64_t how = take(input, 1);
    message.sequence = message.from < NODES && how & 1 ? self->said[message.from] : number(input);
    message.ack = how & 2 ? 0 : number(input);
    message.incarnation = how & 4 ? 0 : (uint32_t)number(input);
    switch (message.kind) {
#define FILL_NONE(in, out) no_body(in, out)
#define FILL_HELLO(in, out) fill_hello(in, &(out)->hello)
#define FILL_PLAN(in, out) fill_plan(in, &(out)->plan)
#define FILL_GRANT(in, out) fill_grant(in, &(out)->grant)
#define FILL_EXCHANGE(in, out) fill_exchange(in, &(out)->exchange)
#define FILL_ROWS(in, out) fill_rows(in, &(out)->rows)
#define FILL_REPORT(in, out) fill_report(in, &(out)->report)
#define FILL_END(in, out) fill_end(in, &(out)->end)
#define FILL_SNAPSHOT(in, out) fill_snapshot(in, &(out)->snapshot)
#define FILL_STATE(in, out) fill_state(in, &(out)->state)
#define FILL_PULSE(in, out) fill_pulse(in, &(out)->pulse)
#define FILL_PASS(in, out) fill_pass(in, &(out)->pass)
#define FILL_LEASE(in, out) fill_lease(in, &(out)->lease)
#define X(name, text, body, ...)                                                                               \
    case CPS_MESSAGE_##name:                                                                                   \
        FILL_##body(input, &message);                                                                          \
        break;
        CPS_MESSAGE_MAP(X)
#undef X
    case CPS_MESSAGE_KINDS:
        break;
    }
    tame(&message);
    size_t bytes = how & 8 ? take(input, 1) : payload_size(&message, cps_plan_row_width(&self->plan));
    return send_frame(self, &message, bytes);
}

/* The next message of an honest peer: greeting, plan, grant, gradients, answers, losses. */
static void next_honest(struct rig *self, struct cps_message *message)
{
    uint32_t place = self->honest++, peer = 1 + place % (NODES - 1);
    if (self->route.rank == 0) {
        message->from = peer;
        message->kind = place < NODES - 1 ? CPS_MESSAGE_HELLO : CPS_MESSAGE_READY;
        message->hello.has_data = place < NODES - 1 && peer > SERVERS;
        if (message->hello.has_data) {
            message->hello.train_count = TRAIN / WORKERS;
            message->hello.valid_count = VALID / WORKERS + (peer == NODES - 1) * (VALID % WORKERS);
        }
        if (place >= 2 * (NODES - 1)) {
            uint32_t epoch = (place - 2 * (NODES - 1)) / (NODES - 1);
            message->kind = CPS_MESSAGE_REPORT;
            message->report = (struct cps_report){.first_step = (uint64_t)epoch * TRAIN / BATCH,
                                                  .steps = peer > SERVERS ? TRAIN / BATCH : 0,
                                                  .has_valid = peer > SERVERS,
                                                  .epoch = epoch};
        }
        return;
    }
    message->kind = place == 0 ? CPS_MESSAGE_PLAN : CPS_MESSAGE_GRANT;
    message->plan = self->plan;
    if (place == 0)
        return;
    message->grant = (struct cps_grant){.steps = STEPS};
    if (place == 1)
        return;
    message->from = 1 + place % SERVERS;
    message->kind = CPS_MESSAGE_ROWS;
    message->rows = (struct cps_rows){
        .step = self->step, .ticket = self->ticket, .rows = (uint32_t)take(&self->input, 1) % 16};
    if (self->route.rank > SERVERS)
        return;
    message->from = 1 + SERVERS + place % WORKERS;
    message->kind = CPS_MESSAGE_EXCHANGE;
    message->exchange = (struct cps_exchange){.step = (place - 2) / WORKERS + 1,
                                              .has_push = true,
                                              .single_rows = (uint32_t)take(&self->input, 1) % 4,
                                              .scaled = (uint32_t)take(&self->input, 1) % 4,
                                              .pull_rows = (uint32_t)take(&self->input, 1) % 4};
}

static enum cps_status say_honest(struct rig *self)
{
    struct cps_message message = {.to = self->route.rank, .run_id = RUN_ID};
    next_honest(self, &message);
    message.sequence = self->said[message.from];
    return send_frame(self, &message, payload_size(&message, cps_plan_row_width(&self->plan)));
}

static enum cps_status tick(struct rig *self)
{
    struct cps_awaited awaited;
    self->now_ns += take(&self->input, 1) * 10000000;
    CPS_TRY(self->role.ops->on_tick(self->role.self, self->now_ns, &self->outbox));
    if (self->role.ops->awaits(self->role.self, &awaited))
        require(awaited.node < NODES && awaited.what);
    CPS_TRY(collect(self));
    return cps_links_tick(&self->links, self->now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static enum cps_status (*const actions[ACTIONS])(struct rig *) = {
        [RAW] = say_raw, [FORGED] = say_forged, [HONEST] = say_honest, [TICK] = tick};
    static struct rig rig;
    rig_init(&rig, data, size);
    enum cps_status status = tick(&rig);
    while (status == CPS_OK && rig.input.size && !rig.role.ops->done(rig.role.self))
        status = actions[take(&rig.input, 1) % ACTIONS](&rig);
    require(status == CPS_OK || cps_error_text()[0] != '\0');
    rig_release(&rig);
    return 0;
}
