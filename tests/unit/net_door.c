/* Who comes to the door of a rank's socket: a crowd of half-open connections, and ranks that cannot be reached.
 */
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/net/zmq_transport.h"

enum { RANKS = 2, CROWD = 400, PATIENCE_MS = 5000 };

static const uint32_t node_rank[RANKS] = {0, 1};
static const uint8_t key[CPS_SECRET_BYTES] = {7};

struct net {
    struct cps_buffer_pool *pool;
    struct cps_transport *ends[RANKS];
    char endpoints[RANKS][CPS_ENDPOINT_BYTES];
};

static void open_net(struct net *net)
{
    check_ok(cps_buffer_pool_create(&net->pool));
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        const struct cps_zmq_options options = {
            .route = {.rank = rank, .ranks = RANKS, .nodes = RANKS, .servers = 0, .node_rank = node_rank},
            .pool = net->pool,
            .key = key,
            .most_bytes = 4096,
            .tcp = true,
            .address = "127.0.0.1"};
        check_ok(cps_zmq_transport_bind(&options, &net->ends[rank], net->endpoints[rank]));
    }
}

static void close_net(struct net *net)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        net->ends[rank]->ops->destroy(net->ends[rank]);
    cps_buffer_pool_destroy(&net->pool);
}

static int open_files(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* A connection to endpoint that says nothing. */
static int call(const char *endpoint)
{
    unsigned port = 0;
    sscanf(endpoint, "tcp://127.0.0.1:%u", &port);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int file = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(file, (const void *)&address, sizeof address), 0);
    return file;
}

/* More than a handshake, which does not end: a greeting, and a part of a long command. */
static void babble(int file)
{
    uint8_t said[700] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'P', 'L', 'A', 'I', 'N'};
    said[64] = 6;
    said[64 + 7] = 0x0f;
    ssize_t ignored = send(file, said, sizeof said, MSG_NOSIGNAL); /* it may be closed already */
    (void)ignored;
}

/* All but a bounded number of callers are closed at once, silent or not, and a rank still comes in. */
static void keep_crowd_out(bool loud)
{
    struct net net;
    static int callers[CROWD];
    uint32_t missing;
    open_net(&net);
    int before = open_files();
    for (int i = 0; i < CROWD; i++)
        if ((callers[i] = call(net.endpoints[0])) >= 0 && loud)
            babble(callers[i]);
    uint64_t deadline = cps_clock_ns() + PATIENCE_MS * 1000000ull;
    while (cps_zmq_transport_turned_away(net.ends[0]).turned_away < CROWD && cps_clock_ns() < deadline)
        cps_sleep_ns(1000000);
    cps_sleep_ns(50000000);
    struct cps_gate_counts counts = cps_zmq_transport_turned_away(net.ends[0]);
    check_int(counts.turned_away, CROWD, "connections that showed no key");
    assert_in_range(counts.crowded_out, CROWD - 100, CROWD - 1);
    assert_in_range(open_files() - before - CROWD, 1, 200); /* ZeroMQ's, and a duplicate of each */
    check_ok(cps_zmq_transport_connect(net.ends[1], (const char(*)[CPS_ENDPOINT_BYTES])net.endpoints));
    cps_zmq_transport_await(net.ends[1], PATIENCE_MS * 1000000ull, &missing);
    check_int(missing, RANKS, "rank that was not reached");
    for (int i = 0; i < CROWD; i++)
        close(callers[i]);
    close_net(&net);
}

static void a_silent_crowd_is_kept_out(void **state)
{
    (void)state;
    keep_crowd_out(false);
}

static void a_loud_crowd_is_kept_out(void **state)
{
    (void)state;
    keep_crowd_out(true);
}

/* A port where nobody answers: a socket that listens and accepts nothing. */
static void who_is_not_reached_is_named(void **state)
{
    (void)state;
    struct net net;
    uint32_t missing;
    open_net(&net);
    int deaf = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    socklen_t bytes = sizeof address;
    assert_int_equal(bind(deaf, (const void *)&address, sizeof address), 0);
    assert_int_equal(listen(deaf, 1), 0);
    assert_int_equal(getsockname(deaf, (void *)&address, &bytes), 0);
    snprintf(net.endpoints[0], sizeof net.endpoints[0], "tcp://127.0.0.1:%u",
             (unsigned)ntohs(address.sin_port));
    check_ok(cps_zmq_transport_connect(net.ends[1], (const char(*)[CPS_ENDPOINT_BYTES])net.endpoints));
    cps_zmq_transport_await(net.ends[1], 100000000, &missing);
    check_int(missing, 0, "rank that was not reached");
    close(deaf);
    close_net(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_silent_crowd_is_kept_out),
                                       cmocka_unit_test(a_loud_crowd_is_kept_out),
                                       cmocka_unit_test(who_is_not_reached_is_named)};
    return cmocka_run_group_tests_name("net: door", tests, NULL, NULL);
}
