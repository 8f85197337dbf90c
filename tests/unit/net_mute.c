/* A connection over tcp that stays open and carries nothing any more: a relay between two ranks swallows what
 * comes by it. ZeroMQ notices, and the ranks hear each other by another connection. */
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/zmq_transport.h"

enum { RANKS = 2, MOST = 16 };
static const uint64_t PATIENCE_NS = 800000000u, DEADLINE_NS = 10000000000u;
static const uint32_t node_rank[RANKS] = {0, 1};
static const uint8_t key[CPS_SECRET_BYTES] = {1, 2, 3};

/* Both ends of each connection that came by: end 2i connected to the relay, end 2i + 1 is its own. */
struct relay {
    int listener, ends[2 * MOST];
    uint32_t count;
    uint16_t target;
    atomic_uint mute; /* connections that carry nothing: the first so many */
    atomic_uint accepted;
    atomic_bool over;
    pthread_t thread;
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void accept_one(struct relay *self)
{
    struct sockaddr_in address = loopback(self->target);
    int from = accept(self->listener, NULL, NULL), to = socket(AF_INET, SOCK_STREAM, 0);
    if (from < 0 || to < 0 || self->count == MOST || connect(to, (void *)&address, sizeof address) != 0)
        return;
    self->ends[2 * self->count] = from;
    self->ends[2 * self->count + 1] = to;
    atomic_store(&self->accepted, ++self->count);
}

/* What one end says goes to the other, or nowhere. */
static void pass_on(struct relay *self, uint32_t end)
{
    uint8_t bytes[4096];
    ssize_t count = recv(self->ends[end], bytes, sizeof bytes, 0);
    if (count <= 0) {
        shutdown(self->ends[end ^ 1], SHUT_RDWR);
        close(self->ends[end]);
        self->ends[end] = -1;
    } else if (end / 2 >= atomic_load(&self->mute)) {
        send(self->ends[end ^ 1], bytes, (size_t)count, MSG_NOSIGNAL);
    }
}

static void *relay_run(void *context)
{
    struct relay *self = context;
    while (!atomic_load(&self->over)) {
        struct pollfd polls[2 * MOST + 1] = {{self->listener, POLLIN, 0}};
        uint32_t ends = 2 * self->count;
        for (uint32_t end = 0; end < ends; end++)
            polls[end + 1] = (struct pollfd){self->ends[end], POLLIN, 0};
        poll(polls, ends + 1, 20);
        for (uint32_t end = 0; end < ends; end++)
            if (polls[end + 1].revents)
                pass_on(self, end);
        if (polls[0].revents)
            accept_one(self);
    }
    return NULL;
}

/* Relays to the port that endpoint ends with, and puts its own in place of it. */
static void relay_start(struct relay *self, char endpoint[CPS_ENDPOINT_BYTES])
{
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    unsigned port;
    check_int(sscanf(endpoint, "tcp://127.0.0.1:%u", &port), 1, "ports of '%s'", endpoint);
    *self = (struct relay){.target = (uint16_t)port, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    check_int(bind(self->listener, (void *)&address, sizeof address), 0, "bind");
    check_int(listen(self->listener, MOST), 0, "listen");
    check_int(getsockname(self->listener, (void *)&address, &bytes), 0, "getsockname");
    snprintf(endpoint, CPS_ENDPOINT_BYTES, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    check_int(pthread_create(&self->thread, NULL, relay_run, self), 0, "pthread_create");
}

static void relay_end(struct relay *self)
{
    atomic_store(&self->over, true);
    pthread_join(self->thread, NULL);
    for (uint32_t end = 0; end < 2 * self->count; end++)
        if (self->ends[end] >= 0)
            close(self->ends[end]);
    close(self->listener);
}

/* Says something from one end again and again until the other hears it. */
static void expect_way(struct cps_transport *from, struct cps_transport *to, uint32_t sender, const char *when)
{
    uint64_t deadline = cps_clock_ns() + DEADLINE_NS;
    bool received = false, sent;
    struct cps_message message, heartbeat = {.kind = CPS_MESSAGE_HEARTBEAT, .from = sender, .to = 1 - sender};
    while (!received && cps_clock_ns() < deadline) {
        check_ok(from->ops->send(from, &heartbeat, &sent));
        to->ops->wait(to, 20000000);
        check_ok(to->ops->receive(to, &message, &received));
    }
    if (!received)
        fail_msg("nothing from rank %u %s", sender, when);
    cps_message_release(&message);
    while (received) {
        check_ok(to->ops->receive(to, &message, &received));
        if (received)
            cps_message_release(&message);
    }
}

static void a_mute_connection_is_renewed(void **state)
{
    (void)state;
    struct cps_buffer_pool *pool;
    struct cps_transport *ends[RANKS];
    char endpoints[RANKS][CPS_ENDPOINT_BYTES];
    struct relay relay;
    check_ok(cps_buffer_pool_create(&pool));
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        const struct cps_zmq_options options = {.route = {rank, RANKS, RANKS, 1, node_rank, NULL, 0},
                                                .pool = pool,
                                                .key = key,
                                                .most_bytes = 4000,
                                                .patience_ns = PATIENCE_NS,
                                                .tcp = true,
                                                .address = "127.0.0.1"};
        check_ok(cps_zmq_transport_bind(&options, &ends[rank], endpoints[rank]));
    }
    relay_start(&relay, endpoints[0]);
    for (uint32_t rank = 0; rank < RANKS; rank++)
        check_ok(cps_zmq_transport_connect(ends[rank], (const char(*)[CPS_ENDPOINT_BYTES])endpoints));
    expect_way(ends[0], ends[1], 0, "at first");
    expect_way(ends[1], ends[0], 1, "at first");
    atomic_store(&relay.mute, atomic_load(&relay.accepted));
    cps_sleep_ns(100000000);
    expect_way(ends[0], ends[1], 0, "after the connection fell mute");
    expect_way(ends[1], ends[0], 1, "after the connection fell mute");
    assert_true(atomic_load(&relay.accepted) > atomic_load(&relay.mute));
    for (uint32_t rank = 0; rank < RANKS; rank++)
        ends[rank]->ops->destroy(ends[rank]);
    relay_end(&relay);
    cps_buffer_pool_destroy(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mute_connection_is_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
