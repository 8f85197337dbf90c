/* Plans, outboxes and messages for tests that drive a role by hand. */
#ifndef CPS_TESTS_ROLES_H
#define CPS_TESTS_ROLES_H

#include "common/base/memory.h"
#include "common/drive/role.h"
#include "common/model/schedule.h"
#include "tests/unit/check.h"

/* A small job of the bias model: 9 users, 13 movies, 5 factors, batches of 8. */
static inline struct cps_plan small_plan(void)
{
    return (struct cps_plan){.model = CPS_MODEL_BIAS,
                             .factors = 5,
                             .user_rows = 9,
                             .movie_rows = 13,
                             .optimizer = CPS_OPTIMIZER_ADAM,
                             .schedule = CPS_SCHEDULE_ONE_CYCLE,
                             .epochs = 2,
                             .batch_size = 8,
                             .train_count = 8 * 300,
                             .lr_max = 5e-3,
                             .wd = 0.1,
                             .wd_bias = 0.1,
                             .seed = 42,
                             .gradient_bits = 40,
                             .servers = 1,
                             .workers = 1};
}

/* The hyper-parameters of steps first .. first + count - 1. */
static inline void hyper_of(const struct cps_plan *plan, uint64_t first, uint32_t count, struct cps_hyper *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = cps_schedule_at(plan, first + i);
}

/* A pool and an outbox of one node. */
struct post {
    struct cps_buffer_pool *pool;
    struct cps_outbox outbox;
};

static inline void post_init(struct post *self, uint32_t from, uint32_t nodes)
{
    check_ok(cps_buffer_pool_create(&self->pool));
    check_ok(cps_outbox_init(&self->outbox, self->pool, from, nodes, 1));
}

/* Throws away what was sent. */
static inline void post_clear(struct post *self)
{
    for (size_t i = 0; i < self->outbox.count; i++)
        cps_message_release(&self->outbox.messages[i]);
    self->outbox.count = 0;
}

static inline void post_release(struct post *self)
{
    cps_outbox_release(&self->outbox);
    cps_buffer_pool_destroy(&self->pool);
}

/* A message of kind from a node, with a zeroed payload of bytes (0: none). */
static inline struct cps_message message_from(struct post *post, enum cps_message_kind kind, uint32_t from,
                                              size_t bytes)
{
    struct cps_message message = {.kind = kind, .from = from, .to = post->outbox.from, .run_id = 1};
    if (bytes) {
        check_ok(cps_buffer_acquire(post->pool, bytes, &message.payload));
        memset(message.payload->data, 0, bytes);
    }
    return message;
}

/* Hands message to role and releases it. */
static inline enum cps_status hand(const struct cps_role *role, struct post *post, struct cps_message message)
{
    enum cps_status status = role->ops->on_message(role->self, &message, &post->outbox);
    cps_message_release(&message);
    return status;
}

/* The gradients and wishes of one exchange: whole arrays, or NULL where the count is 0. */
struct exchange_parts {
    const int64_t *sums;             /* [sum_rows][width] */
    const float *singles;            /* [single_rows][width] */
    const struct cps_scaled *scaled; /* [scaled] */
    const uint32_t *keys;            /* all four kinds, in the order of struct cps_exchange */
};

static inline struct cps_message exchange_from(struct post *post, uint32_t from, uint32_t width,
                                               struct cps_exchange body, struct exchange_parts parts)
{
    size_t sums = (size_t)body.sum_rows * width * sizeof(int64_t);
    size_t singles = (size_t)body.single_rows * width * sizeof(float);
    size_t keys =
        ((size_t)body.sum_rows + body.single_rows + body.pull_rows + body.read_rows) * sizeof(uint32_t);
    size_t scaled = (size_t)body.scaled * sizeof(struct cps_scaled);
    struct cps_message message = message_from(post, CPS_MESSAGE_EXCHANGE, from, sums + singles + scaled + keys);
    message.exchange = body;
    if (sums)
        memcpy(message.payload->data, parts.sums, sums);
    if (singles)
        memcpy(message.payload->data + sums, parts.singles, singles);
    if (scaled)
        memcpy(message.payload->data + sums + singles, parts.scaled, scaled);
    if (keys)
        memcpy(message.payload->data + sums + singles + scaled, parts.keys, keys);
    return message;
}

static inline const float *rows_in(const struct cps_message *message)
{
    return (const float *)(const void *)message->payload->data;
}

#endif
