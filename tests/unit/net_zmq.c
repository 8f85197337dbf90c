/* The ZeroMQ transport between several ends of one thread, over ipc and tcp. */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/net/codec.h"
#include "common/net/zmq_transport.h"

enum { RANKS = 3, RUN = 0x1234, BURST = 5000 };
#define DEADLINE_NS 10000000000u

static const uint32_t node_rank[RANKS + 1] = {0, 0, 1, 2}; /* nodes 0 and 1 share rank 0 */

struct net {
    struct cps_buffer_pool *pool;
    struct cps_transport *ends[RANKS];
    char endpoints[RANKS][CPS_ENDPOINT_BYTES];
};

/* The key of a run, by its number. */
static const uint8_t *key_of(uint64_t run_id)
{
    static uint8_t key[CPS_SECRET_BYTES];
    memcpy(key, &run_id, sizeof run_id);
    return key;
}

static struct cps_zmq_options options_of(struct cps_buffer_pool *pool, uint32_t rank, bool tcp, uint64_t run_id)
{
    return (struct cps_zmq_options){.route = {rank, RANKS, RANKS + 1, 1, node_rank, NULL, 0},
                                    .pool = pool,
                                    .key = key_of(run_id),
                                    .most_bytes = 4000000,
                                    .tcp = tcp,
                                    .address = "127.0.0.1"};
}

static void open_net(struct net *net, bool tcp, uint64_t run_id)
{
    check_ok(cps_buffer_pool_create(&net->pool));
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        struct cps_zmq_options options = options_of(net->pool, rank, tcp, run_id);
        check_ok(cps_zmq_transport_bind(&options, &net->ends[rank], net->endpoints[rank]));
    }
}

static void connect_net(struct net *net)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        check_ok(cps_zmq_transport_connect(net->ends[rank], (const char(*)[CPS_ENDPOINT_BYTES])net->endpoints));
}

static void close_net(struct net *net)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        net->ends[rank]->ops->destroy(net->ends[rank]);
    cps_buffer_pool_destroy(&net->pool);
}

static bool try_send(struct net *net, uint32_t from, uint32_t to, uint64_t sequence, size_t bytes,
                     uint64_t run_id)
{
    bool sent;
    struct cps_message message = {
        .kind = CPS_MESSAGE_HEARTBEAT, .from = from, .to = to, .run_id = run_id, .sequence = sequence};
    if (bytes) {
        check_ok(cps_buffer_acquire(net->pool, bytes, &message.payload));
        memset(message.payload->data, (int)(sequence & 0xff), bytes);
    }
    struct cps_transport *transport = net->ends[node_rank[from]];
    check_ok(transport->ops->send(transport, &message, &sent));
    cps_message_release(&message);
    return sent;
}

/* Also before the connection stands. */
static void send_one(struct net *net, uint32_t from, uint32_t to, uint64_t sequence, size_t bytes,
                     uint64_t run_id)
{
    uint64_t deadline = cps_clock_ns() + DEADLINE_NS;
    while (!try_send(net, from, to, sequence, bytes, run_id))
        if (cps_clock_ns() > deadline)
            fail_msg("node %u cannot send to node %u", from, to);
        else
            cps_sleep_ns(1000000);
}

/* Waits for the next message at rank. */
static void receive_one(struct net *net, uint32_t rank, struct cps_message *out)
{
    uint64_t deadline = cps_clock_ns() + DEADLINE_NS;
    bool received = false;
    while (!received && cps_clock_ns() < deadline) {
        struct cps_transport *transport = net->ends[rank];
        check_ok(transport->ops->receive(transport, out, &received));
        if (!received)
            transport->ops->wait(transport, 1000000);
    }
    if (!received)
        fail_msg("rank %u received nothing", rank);
}

static void expect(struct net *net, uint32_t from, uint32_t to, uint64_t sequence, size_t bytes)
{
    struct cps_message message;
    receive_one(net, node_rank[to], &message);
    check_int(message.kind, CPS_MESSAGE_HEARTBEAT, "kind");
    check_int(message.from, from, "sender");
    check_int(message.to, to, "receiver");
    check_int(message.sequence, sequence, "sequence from node %u", from);
    check_int(cps_message_payload_bytes(&message), bytes, "payload");
    for (size_t i = 0; i < bytes; i += 97)
        check_int(message.payload->data[i], sequence & 0xff, "byte %zu", i);
    if (bytes)
        check_int((uintptr_t)message.payload->data % 64, 0, "alignment");
    cps_message_release(&message);
}

/* More than ZeroMQ's queues hold: what they refuse is offered again. */
static void burst(struct net *net, uint64_t run_id)
{
    uint64_t due = 0;
    for (uint64_t sequence = 0; due < BURST;) {
        while (sequence < BURST && try_send(net, 3, 2, sequence, 64, run_id))
            sequence++;
        if (due < sequence)
            expect(net, 3, 2, due++, 64);
    }
}

/* Every pair, both ways, in order, of every size. */
static void all_pairs_talk(bool tcp, uint64_t run_id)
{
    static const size_t sizes[] = {0, 1, 4096, 100000, 3000000};
    struct net net;
    open_net(&net, tcp, run_id);
    assert_false(try_send(&net, 0, 2, 0, 10, run_id)); /* nobody has connected */
    connect_net(&net);
    send_one(&net, 0, 2, 0, 10, run_id);
    send_one(&net, 0, 3, 0, 10, run_id);
    expect(&net, 0, 2, 0, 10);
    expect(&net, 0, 3, 0, 10);
    for (uint64_t sequence = 1; sequence <= COUNT_OF(sizes); sequence++) {
        size_t bytes = sizes[sequence - 1];
        send_one(&net, 2, 1, sequence, bytes, run_id);
        expect(&net, 2, 1, sequence, bytes);
        send_one(&net, 1, 2, sequence, bytes, run_id);
        expect(&net, 1, 2, sequence, bytes);
        send_one(&net, 3, 0, sequence, bytes, run_id);
        expect(&net, 3, 0, sequence, bytes);
        send_one(&net, 3, 2, sequence, bytes, run_id);
        expect(&net, 3, 2, sequence, bytes);
        send_one(&net, 2, 3, sequence, bytes, run_id);
        expect(&net, 2, 3, sequence, bytes);
    }
    burst(&net, run_id);
    check_int(net.ends[2]->counters.sent[CPS_MESSAGE_HEARTBEAT], 2 * COUNT_OF(sizes) + BURST, "sent");
    check_int(net.ends[0]->counters.received[CPS_MESSAGE_HEARTBEAT], 2 * COUNT_OF(sizes), "received");
    assert_true(net.ends[0]->counters.received_bytes[CPS_MESSAGE_HEARTBEAT] > 2 * 3104097);
    close_net(&net);
}

static void ipc_carries_messages(void **state)
{
    (void)state;
    all_pairs_talk(false, RUN + 1);
}

static void tcp_carries_messages(void **state)
{
    (void)state;
    all_pairs_talk(true, RUN + 2);
}

static void taken_ports_are_named(void **state)
{
    (void)state;
    struct net net;
    open_net(&net, true, RUN + 3);
    unsigned port = 0;
    assert_int_equal(sscanf(net.endpoints[1], "tcp://127.0.0.1:%u", &port), 1);
    struct cps_transport *none = NULL;
    char endpoint[CPS_ENDPOINT_BYTES];
    struct cps_zmq_options options = options_of(net.pool, 0, true, RUN + 4);
    options.base_port = port;
    check_fails(cps_zmq_transport_bind(&options, &none, endpoint), CPS_ERR_USAGE, net.endpoints[1]);
    assert_non_null(strstr(cps_error_text(), "address in use"));
    assert_non_null(strstr(cps_error_hint(), "--port"));
    options.base_port = 65535;
    options.route.rank = 1;
    check_fails(cps_zmq_transport_bind(&options, &none, endpoint), CPS_ERR_USAGE, "beyond 65535");
    options.base_port = 0;
    options.address = "203.0.113.1"; /* nobody's */
    check_fails(cps_zmq_transport_bind(&options, &none, endpoint), CPS_ERR_USAGE, "203.0.113.1");
    assert_null(none);
    connect_net(&net);
    close_net(&net);
}

/* A ZeroMQ socket that is no end of the net, with the name (and over tcp the password) that rank of another
 * run, or of this, has for rank 0. */
struct outsider {
    void *context, *socket;
};

static void outsider_open(struct outsider *self, const char *endpoint, uint64_t run_id, uint32_t rank)
{
    struct cps_secret_name name = cps_secret_name(key_of(run_id), rank, 0);
    char password[CPS_SECRET_TEXT_BYTES];
    int linger = 100;
    cps_secret_name_text(&name, password);
    self->context = zmq_ctx_new();
    self->socket = zmq_socket(self->context, ZMQ_DEALER);
    zmq_setsockopt(self->socket, ZMQ_ROUTING_ID, &name, sizeof name);
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger);
    if (strncmp(endpoint, "tcp", 3) == 0) {
        zmq_setsockopt(self->socket, ZMQ_PLAIN_USERNAME, "rank", 4);
        zmq_setsockopt(self->socket, ZMQ_PLAIN_PASSWORD, password, strlen(password));
    }
    assert_int_equal(zmq_connect(self->socket, endpoint), 0);
}

static void outsider_close(struct outsider *self)
{
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
}

/* Lets rank 0 read until so many messages were dropped, or for a while; it takes none of them. */
static void drop(struct net *net, uint64_t wanted, uint64_t within_ns)
{
    uint64_t deadline = cps_clock_ns() + within_ns;
    struct cps_message message;
    bool received;
    while (cps_zmq_transport_strangers(net->ends[0]) < wanted && cps_clock_ns() < deadline) {
        check_ok(net->ends[0]->ops->receive(net->ends[0], &message, &received));
        assert_false(received);
        net->ends[0]->ops->wait(net->ends[0], 1000000);
    }
    check_int(cps_zmq_transport_strangers(net->ends[0]), wanted, "messages dropped");
}

static void strangers_are_ignored(void **state)
{
    (void)state;
    struct net net;
    struct outsider other_run, other_rank;
    open_net(&net, false, RUN + 5);
    outsider_open(&other_run, net.endpoints[0], RUN + 6, 1);
    outsider_open(&other_rank, net.endpoints[0], RUN + 5, RANKS);
    zmq_send(other_run.socket, "what", 4, ZMQ_SNDMORE);
    zmq_send(other_run.socket, "ever", 4, 0);
    zmq_send(other_rank.socket, "whatever", 8, 0);
    drop(&net, 2, DEADLINE_NS);
    connect_net(&net);
    send_one(&net, 2, 0, 1, 5, RUN + 5);
    expect(&net, 2, 0, 1, 5);
    outsider_close(&other_run);
    outsider_close(&other_rank);
    close_net(&net);
}

/* Over tcp they do not get as far as to say anything, and do not hear who answers. */
static void strangers_do_not_come_in(void **state)
{
    (void)state;
    struct net net;
    struct outsider other;
    open_net(&net, true, RUN + 10);
    outsider_open(&other, net.endpoints[0], RUN + 11, 1);
    zmq_send(other.socket, "whatever", 8, 0);
    drop(&net, 0, 200000000);
    connect_net(&net);
    send_one(&net, 2, 0, 1, 5, RUN + 10);
    expect(&net, 2, 0, 1, 5);
    outsider_close(&other);
    close_net(&net);
}

enum { FORGED_BYTES = 32 };

/* Sends a frame as rank 1 would send it to rank 0, with bit `flip` of code and frame turned over, or none if it
 * is negative. Returns the number of bits. */
static int forge(struct outsider *peer, uint64_t run_id, uint64_t sequence, int flip)
{
    uint8_t part[8 + CPS_FRAME_HEADER_BYTES + FORGED_BYTES] = {0};
    struct cps_message message = {
        .kind = CPS_MESSAGE_REPORT, .from = 2, .to = 0, .run_id = run_id, .sequence = sequence};
    size_t bytes = cps_codec_encode_frame(&message, part + 8);
    part[8 + bytes] = 7; /* the payload */
    bytes += FORGED_BYTES;
    uint64_t code = cps_secret_code(key_of(run_id), part + 8, bytes);
    memcpy(part, &code, sizeof code);
    bytes += sizeof code;
    if (flip >= 0)
        part[flip / 8] ^= (uint8_t)(1u << flip % 8);
    zmq_send(peer->socket, part, bytes, 0);
    return (int)(8 * bytes);
}

/* Even one who knows the password: each flipped bit of a frame is noticed, and drops it alone. */
static void forged_frames_are_dropped(void **state)
{
    (void)state;
    struct net net;
    struct outsider peer;
    open_net(&net, true, RUN + 12);
    outsider_open(&peer, net.endpoints[0], RUN + 12, 1);
    int flips = 1;
    for (int flip = 0; flip < flips; flip++)
        flips = forge(&peer, RUN + 12, 3, flip);
    drop(&net, (uint64_t)flips, DEADLINE_NS);
    check_int(forge(&peer, RUN + 12, 4, -1), flips, "bits of a genuine one");
    struct cps_message message;
    receive_one(&net, 0, &message);
    check_int(message.sequence, 4, "sequence of the genuine one");
    check_int(cps_message_payload_bytes(&message), FORGED_BYTES, "payload");
    cps_message_release(&message);
    outsider_close(&peer);
    close_net(&net);
}

/* What is no message, or not for the roles it names, is dropped; what follows is still read. */
static void broken_messages_are_dropped(void **state)
{
    (void)state;
    struct net net;
    struct outsider peer;
    open_net(&net, false, RUN + 7);
    outsider_open(&peer, net.endpoints[0], RUN + 7, 1);
    uint8_t frame[CPS_FRAME_HEADER_BYTES];
    struct cps_message message = {.kind = CPS_MESSAGE_READY, .from = 3, .to = 0, .run_id = RUN + 7};
    size_t bytes = cps_codec_encode_frame(&message, frame);
    zmq_send(peer.socket, "", 0, 0);
    zmq_send(peer.socket, "junk", 4, 0);
    zmq_send(peer.socket, "longer junk", 11, 0);
    zmq_send(peer.socket, frame, bytes - 1, 0);
    zmq_send(peer.socket, frame, bytes, 0); /* node 3 is not on rank 1 */
    message = (struct cps_message){.kind = CPS_MESSAGE_PLAN, .from = 2, .to = 0, .run_id = RUN + 7};
    zmq_send(peer.socket, frame, cps_codec_encode_frame(&message, frame), 0); /* a worker decides no plan */
    drop(&net, 6, DEADLINE_NS);
    message.kind = CPS_MESSAGE_READY;
    zmq_send(peer.socket, frame, cps_codec_encode_frame(&message, frame), 0);
    receive_one(&net, 0, &message);
    check_int(message.kind, CPS_MESSAGE_READY, "kind");
    outsider_close(&peer);
    close_net(&net);
}

/* A part larger than any honest one ends its connection before it is read. */
static void large_parts_are_refused(void **state)
{
    (void)state;
    struct net net;
    struct outsider peer;
    open_net(&net, false, RUN + 13);
    outsider_open(&peer, net.endpoints[0], RUN + 13, 1);
    char *large = calloc(1, 5000000);
    assert_non_null(large);
    zmq_send(peer.socket, large, 5000000, 0);
    drop(&net, 0, 200000000);
    free(large);
    outsider_close(&peer);
    close_net(&net);
}

/* The folder of a socket is for its user alone. Only root can become another user to try. */
static void other_users_are_kept_out(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    /* The child comes first: a process with threads leaves a fork in a state that
     * ThreadSanitizer, for one, cannot follow. */
    int endpoint_pipe[2];
    assert_int_equal(pipe(endpoint_pipe), 0);
    pid_t child = fork();
    if (child == 0) {
        char endpoint[CPS_ENDPOINT_BYTES];
        if (setuid(65534) != 0 || read(endpoint_pipe[0], endpoint, sizeof endpoint) != (ssize_t)sizeof endpoint)
            _exit(1);
        int code = access(endpoint + strlen("ipc://"), F_OK);
        _exit(code != 0 && errno == EACCES ? 0 : 1);
    }
    struct net net;
    open_net(&net, false, RUN + 8);
    assert_int_equal(write(endpoint_pipe[1], net.endpoints[0], CPS_ENDPOINT_BYTES), CPS_ENDPOINT_BYTES);
    close(endpoint_pipe[0]);
    close(endpoint_pipe[1]);
    int code = -1;
    waitpid(child, &code, 0);
    assert_int_equal(code, 0);
    char folder[sizeof net.endpoints];
    snprintf(folder, sizeof folder, "%s", net.endpoints[0] + strlen("ipc://"));
    *strrchr(folder, '/') = '\0';
    assert_int_equal(access(folder, F_OK), 0);
    close_net(&net);
    assert_int_not_equal(access(folder, F_OK), 0); /* nothing is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipc_carries_messages),        cmocka_unit_test(tcp_carries_messages),
        cmocka_unit_test(taken_ports_are_named),       cmocka_unit_test(strangers_are_ignored),
        cmocka_unit_test(strangers_do_not_come_in),    cmocka_unit_test(forged_frames_are_dropped),
        cmocka_unit_test(broken_messages_are_dropped), cmocka_unit_test(large_parts_are_refused),
        cmocka_unit_test(other_users_are_kept_out),
    };
    return cmocka_run_group_tests_name("net: zeromq", tests, NULL, NULL);
}
