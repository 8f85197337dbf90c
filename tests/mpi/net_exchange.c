/*
 * Messages between real ranks, without training: a coordinator, servers and workers exchange synthetic rows in
 * lock-step and check every float.
 *
 *     mpirun -n 8 net_exchange mpi|ipc|tcp [STEPS [ROWS]]
 *
 * Also a measurement: rank 0 prints the time of a step, in which every worker exchanges
 * with every server.
 *
 *     mpirun -n 3 net_exchange fail mpi|ipc|tcp
 *
 * makes a worker fail half-way, and expects every rank to end with its error;
 *
 *     mpirun -n 3 net_exchange hang mpi|ipc|tcp
 *
 * makes rank 0 stop responding, and expects the others to notice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/cluster.h"
#include "common/cluster/job.h"
#include "common/drive/driver.h"

enum { FACTORS = 50, WIDTH = FACTORS + 1 };

struct role {
    const struct cps_job *layout;
    uint32_t node;
    uint64_t steps, fail_at; /* fail_at 0: never */
    uint32_t rows;
    bool mute; /* the coordinator never answers */
    bool said_hello, done;
    uint64_t step;
    uint32_t due; /* answers, or reports */
    uint64_t start_ns, now_ns;
};

static bool is_worker(const struct role *self)
{
    return cps_job_role(self->layout, self->node) == CPS_ROLE_WORKER;
}

/* The value that server sends in its answer for step. */
static float expected_value(uint64_t step, uint32_t server, uint32_t i)
{
    return (float)(step * 7 + server * 3 + i);
}

static enum cps_status exchange_step(struct role *self, struct cps_outbox *outbox)
{
    size_t bytes = (size_t)self->rows * WIDTH * sizeof(float) + 2 * (size_t)self->rows * sizeof(uint32_t);
    for (uint32_t server = 1; server <= self->layout->servers; server++) {
        struct cps_message *message;
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_EXCHANGE, server, bytes, &message));
        message->exchange = (struct cps_exchange){.step = self->step,
                                                  .ticket = self->step * 2,
                                                  .has_push = true,
                                                  .single_rows = self->rows,
                                                  .pull_rows = self->rows};
        float *values = (float *)(void *)message->payload->data;
        for (uint32_t i = 0; i < self->rows * WIDTH; i++)
            values[i] = expected_value(self->step, self->node, i);
        memset(values + self->rows * WIDTH, 0, 2 * (size_t)self->rows * sizeof(uint32_t));
    }
    self->due = self->layout->servers;
    return CPS_OK;
}

static enum cps_status check_values(const struct cps_buffer *payload, uint64_t step, uint32_t node,
                                    uint32_t count)
{
    const float *values = (const float *)(const void *)payload->data;
    if ((uintptr_t)values % CPS_CACHE_LINE)
        return cps_fail(CPS_ERR_INTERNAL, "a payload is misaligned");
    for (uint32_t i = 0; i < count; i++)
        if (values[i] != expected_value(step, node, i))
            return cps_fail(CPS_ERR_INTERNAL, "value %u of step %" PRIu64 " from node %u is %g", i, step, node,
                            (double)values[i]);
    return CPS_OK;
}

static enum cps_status answer(struct role *self, const struct cps_message *asked, struct cps_outbox *outbox)
{
    CPS_TRY(check_values(asked->payload, asked->exchange.step, asked->from, self->rows * WIDTH));
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_ROWS, asked->from, (size_t)self->rows * WIDTH * sizeof(float),
                           &message));
    message->rows = (struct cps_rows){asked->exchange.step, asked->exchange.ticket, self->rows};
    float *values = (float *)(void *)message->payload->data;
    for (uint32_t i = 0; i < self->rows * WIDTH; i++)
        values[i] = expected_value(asked->exchange.step, self->node, i);
    return CPS_OK;
}

static enum cps_status take_rows(struct role *self, const struct cps_message *rows, struct cps_outbox *outbox)
{
    if (rows->rows.step != self->step || rows->rows.ticket != 2 * self->step)
        return cps_fail(CPS_ERR_INTERNAL, "rows of step %" PRIu64 " in step %" PRIu64, rows->rows.step,
                        self->step);
    CPS_TRY(check_values(rows->payload, self->step, rows->from, self->rows * WIDTH));
    if (--self->due)
        return CPS_OK;
    if (self->fail_at && self->step == self->fail_at)
        return cps_hint(cps_fail(CPS_ERR_DIVERGED, "the worker fails as told"), "tell it otherwise");
    if (++self->step < self->steps)
        return exchange_step(self, outbox);
    struct cps_message *message;
    return cps_outbox_add(outbox, CPS_MESSAGE_REPORT, 0, 0, &message);
}

static enum cps_status to_all(struct role *self, enum cps_message_kind kind, struct cps_outbox *outbox)
{
    struct cps_message *message;
    for (uint32_t to = 1; to < self->layout->nodes; to++) {
        CPS_TRY(cps_outbox_add(outbox, kind, to, 0, &message));
        if (kind == CPS_MESSAGE_PLAN)
            message->plan = (struct cps_plan){.model = CPS_MODEL_BIAS, .factors = FACTORS, .batch_size = 64};
    }
    return CPS_OK;
}

static enum cps_status coordinate(struct role *self, const struct cps_message *message,
                                  struct cps_outbox *outbox)
{
    if (self->mute)
        return CPS_OK;
    switch (message->kind) {
    case CPS_MESSAGE_HELLO:
        return ++self->due == self->layout->nodes - 1 ? to_all(self, CPS_MESSAGE_PLAN, outbox) : CPS_OK;
    case CPS_MESSAGE_READY:
        if (--self->due)
            return CPS_OK;
        self->due = self->layout->workers;
        self->start_ns = cps_clock_ns();
        return to_all(self, CPS_MESSAGE_GRANT, outbox);
    case CPS_MESSAGE_REPORT:
        if (--self->due)
            return CPS_OK;
        printf("%u servers, %u workers, %u rows: %.1f us a step\n", self->layout->servers,
               self->layout->workers, self->rows,
               (double)(cps_clock_ns() - self->start_ns) / 1e3 / (double)self->steps);
        fflush(stdout);
        self->done = true;
        return to_all(self, CPS_MESSAGE_STOP, outbox);
    case CPS_MESSAGE_FAIL:
        cps_fail(message->end.status, "%s", (const char *)message->payload->data);
        return message->end.status; /* the driver sends STOP with it */
    default:
        return CPS_OK;
    }
}

static enum cps_status on_message(void *opaque, struct cps_message *message, struct cps_outbox *outbox)
{
    struct role *self = opaque;
    struct cps_message *reply;
    if (self->node == 0)
        return coordinate(self, message, outbox);
    switch (message->kind) {
    case CPS_MESSAGE_PLAN:
        return cps_outbox_add(outbox, CPS_MESSAGE_READY, 0, 0, &reply);
    case CPS_MESSAGE_GRANT:
        return is_worker(self) ? exchange_step(self, outbox) : CPS_OK;
    case CPS_MESSAGE_EXCHANGE:
        return answer(self, message, outbox);
    case CPS_MESSAGE_ROWS:
        return take_rows(self, message, outbox);
    case CPS_MESSAGE_STOP:
        self->done = true;
        if (message->end.status != CPS_OK)
            return cps_fail(message->end.status, "%s", (const char *)message->payload->data);
        return CPS_OK;
    default:
        return cps_fail(CPS_ERR_INTERNAL, "unexpected '%s'", cps_message_kind_name(message->kind));
    }
}

static enum cps_status on_tick(void *opaque, uint64_t now_ns, struct cps_outbox *outbox)
{
    struct role *self = opaque;
    self->now_ns = now_ns;
    if (self->said_hello || self->node == 0)
        return CPS_OK;
    self->said_hello = true;
    struct cps_message *message;
    return cps_outbox_add(outbox, CPS_MESSAGE_HELLO, 0, 0, &message);
}

static bool is_done(const void *opaque)
{
    return ((const struct role *)opaque)->done;
}

static const struct cps_role_ops role_ops = {.on_message = on_message, .on_tick = on_tick, .done = is_done};

static enum cps_status run_roles(struct cps_cluster *cluster, const struct cps_job *layout, struct role model,
                                 struct cps_buffer_pool *pool, struct cps_transport *control,
                                 struct cps_transport *bulk)
{
    struct role states[16];
    struct cps_role roles[16];
    uint32_t count = 0;
    for (uint32_t node = 0; node < layout->nodes && count < 16; node++) {
        if (layout->node_rank[node] != cluster->rank)
            continue;
        states[count] = model;
        states[count].node = node;
        if (cps_job_role(layout, node) != CPS_ROLE_WORKER || node != layout->nodes - 1)
            states[count].fail_at = 0;
        roles[count] = (struct cps_role){.ops = &role_ops, .self = &states[count], .node = node};
        count++;
    }
    struct cps_driver_options options = {
        .route = cps_job_route(layout, cluster->rank),
        .run_id = cluster->run_id,
        .pool = pool,
        .control = control,
        .bulk = bulk,
        .peer_timeout_ns = model.mute && cluster->rank == 0 ? 0 : 2000000000u,
    };
    struct cps_driver *driver;
    CPS_TRY(cps_driver_create(&options, roles, count, &driver));
    enum cps_status status = cps_driver_run(driver);
    cps_driver_destroy(&driver);
    return status;
}

static enum cps_status run(struct cps_cluster *cluster, const char *transport, struct role model)
{
    struct cps_job layout;
    struct cps_buffer_pool *pool;
    struct cps_transport *control, *bulk;
    struct cps_cluster_network network = {.tcp = strcmp(transport, "tcp") == 0,
                                          .mpi_rows = strcmp(transport, "mpi") == 0};
    CPS_TRY(cps_job_init(&layout, cluster->ranks, 0, 0));
    model.layout = &layout;
    CPS_TRY(cps_buffer_pool_create(&pool));
    enum cps_status status = cps_cluster_connect(cluster, &network, &layout, pool, &control, &bulk);
    if (status == CPS_OK && model.mute && cluster->rank == 0)
        sleep(30); /* killed before it returns */
    if (status == CPS_OK)
        status = run_roles(cluster, &layout, model, pool, control, bulk);
    cps_cluster_disconnect(&control, &bulk);
    cps_buffer_pool_destroy(&pool);
    cps_job_release(&layout);
    return status;
}

int main(int argc, char **argv)
{
    struct cps_cluster *cluster;
    bool fails = argc > 2 && strcmp(argv[1], "fail") == 0, hangs = argc > 2 && strcmp(argv[1], "hang") == 0;
    const char *transport = argc > 1 ? argv[fails || hangs ? 2 : 1] : "mpi";
    struct role model = {.steps = 2000, .rows = 20, .fail_at = fails ? 500 : 0, .mute = hangs};
    if (argc > 2 && !fails && !hangs)
        model.steps = (uint64_t)atoll(argv[2]);
    if (argc > 3)
        model.rows = (uint32_t)atoi(argv[3]);
    enum cps_status status = cps_cluster_start(5000000000u, "a test", &cluster);
    if (status != CPS_OK) {
        cps_log_error(cps_error_text(), cps_error_hint());
        cps_cluster_abort(cps_status_exit_code(status));
    }
    bool leader = cluster->rank == 0;
    status = run(cluster, transport, model);
    if (status == CPS_ERR_PEER) {
        cps_log_error(cps_error_text(), cps_error_hint());
        cps_cluster_abort(cps_status_exit_code(status));
    }
    if (status != CPS_OK && leader)
        cps_log_error(cps_error_text(), cps_error_hint());
    if (!cps_cluster_end(&cluster))
        cps_cluster_abort(cps_status_exit_code(CPS_ERR_PEER));
    return cps_status_exit_code(status);
}
