/* Keys of a run: what is sealed, and who may speak over an encrypted connection. */
#include "common/net/curve.h"

#include <zmq.h>

#include "common/base/clock.h"
#include "common/net/codec.h"
#include "common/net/zmq_transport.h"
#include "tests/unit/check.h"

enum { RANKS = 3, PATIENCE_MS = 10000 };

static const uint32_t node_rank[RANKS + 1] = {0, 0, 1, 2};
static const uint8_t run_key[CPS_SECRET_BYTES] = {1, 2, 3};

static void a_seal_opens_for_its_owner_alone(void **state)
{
    (void)state;
    struct cps_curve_pair a, b, c;
    const char plain[] = "the id and the key of a run";
    char opened[sizeof plain];
    uint8_t sealed[sizeof plain + CPS_CURVE_SEAL_BYTES];
    check_ok(cps_curve_make(&a));
    check_ok(cps_curve_make(&b));
    check_ok(cps_curve_make(&c));
    check_ok(cps_curve_seal(&a, &b.public_key, plain, sizeof plain, sealed));
    assert_null(memmem(sealed, sizeof sealed, "the id", 6));
    check_ok(cps_curve_open(&b, &a.public_key, sealed, sizeof plain, opened));
    assert_memory_equal(opened, plain, sizeof plain);
    check_fails(cps_curve_open(&c, &a.public_key, sealed, sizeof plain, opened), CPS_ERR_PEER, "altered");
    check_fails(cps_curve_open(&b, &c.public_key, sealed, sizeof plain, opened), CPS_ERR_PEER, "altered");
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        check_fails(cps_curve_open(&b, &a.public_key, sealed, sizeof plain, opened), CPS_ERR_PEER, "altered");
        sealed[i] ^= 1;
    }
}

static void a_veil_lifts_with_its_key_exchange_and_rank(void **state)
{
    (void)state;
    const char plain[] = "ratings of a rank, as records";
    char text[sizeof plain], other[sizeof plain];
    memcpy(text, plain, sizeof plain);
    check_ok(cps_curve_veil(run_key, sizeof run_key, 7, 2, text, sizeof text));
    assert_null(memmem(text, sizeof text, "rat", 3));
    for (uint64_t exchange = 6; exchange < 9; exchange++) {
        for (uint32_t rank = 1; rank < 4; rank++) {
            memcpy(other, text, sizeof other);
            check_ok(cps_curve_veil(run_key, sizeof run_key, exchange, rank, other, sizeof other));
            check_int(memcmp(other, plain, sizeof plain) == 0, exchange == 7 && rank == 2,
                      "exchange %d, rank %u", (int)exchange, rank);
        }
    }
}

struct net {
    struct cps_buffer_pool *pool;
    struct cps_curve_pair pairs[RANKS];
    struct cps_curve_key keys[RANKS];
    struct cps_transport *ends[RANKS];
    char endpoints[RANKS][CPS_ENDPOINT_BYTES];
};

static void open_end(struct net *net, uint32_t rank)
{
    const struct cps_zmq_options options = {.route = {rank, RANKS, RANKS + 1, 1, node_rank, NULL, 0},
                                            .pool = net->pool,
                                            .key = run_key,
                                            .most_bytes = 4000000,
                                            .public_keys = net->keys,
                                            .secret_key = &net->pairs[rank].secret_key,
                                            .tcp = true,
                                            .address = "127.0.0.1"};
    check_ok(cps_zmq_transport_bind(&options, &net->ends[rank], net->endpoints[rank]));
}

static void open_net(struct net *net)
{
    check_ok(cps_buffer_pool_create(&net->pool));
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        check_ok(cps_curve_make(&net->pairs[rank]));
        net->keys[rank] = net->pairs[rank].public_key;
    }
    for (uint32_t rank = 0; rank < RANKS; rank++)
        open_end(net, rank);
}

static void connect_end(struct net *net, uint32_t rank)
{
    check_ok(cps_zmq_transport_connect(net->ends[rank], (const char(*)[CPS_ENDPOINT_BYTES])net->endpoints));
}

static void close_net(struct net *net)
{
    for (uint32_t rank = 0; rank < RANKS; rank++)
        net->ends[rank]->ops->destroy(net->ends[rank]);
    cps_buffer_pool_destroy(&net->pool);
}

/* Whether a message from node from arrives at node to within ms. */
static bool arrives(struct net *net, uint32_t from, uint32_t to, uint64_t sequence, int ms)
{
    struct cps_transport *sender = net->ends[node_rank[from]], *receiver = net->ends[node_rank[to]];
    const struct cps_message message = {
        .kind = CPS_MESSAGE_HEARTBEAT, .from = from, .to = to, .sequence = sequence};
    struct cps_message arrived;
    uint64_t deadline = cps_clock_ns() + (uint64_t)ms * 1000000;
    bool sent = false, received = false;
    while (!received && cps_clock_ns() < deadline) {
        if (!sent)
            check_ok(sender->ops->send(sender, &message, &sent));
        check_ok(receiver->ops->receive(receiver, &arrived, &received));
        if (!received)
            receiver->ops->wait(receiver, 1000000);
    }
    if (received)
        check_int(arrived.sequence, sequence, "sequence");
    return received;
}

static void encrypted_connections_carry_messages(void **state)
{
    (void)state;
    struct net net;
    open_net(&net);
    for (uint32_t rank = 0; rank < RANKS; rank++)
        connect_end(&net, rank);
    for (uint64_t sequence = 0; sequence < 20; sequence++) {
        assert_true(arrives(&net, 2, 0, sequence, PATIENCE_MS));
        assert_true(arrives(&net, 0, 3, sequence, PATIENCE_MS));
        assert_true(arrives(&net, 3, 2, sequence, PATIENCE_MS));
    }
    close_net(&net);
}

/* A rank whose key the others do not have is not let in. */
static void other_keys_are_not_let_in(void **state)
{
    (void)state;
    struct net net;
    struct cps_curve_key own;
    open_net(&net);
    own = net.keys[1];
    struct cps_curve_pair stranger;
    check_ok(cps_curve_make(&stranger));
    net.keys[1] = stranger.public_key; /* what the gates of the others wait for */
    connect_end(&net, 1);
    assert_false(arrives(&net, 2, 0, 1, 500));
    net.keys[1] = own;
    connect_end(&net, 2);
    assert_true(arrives(&net, 3, 0, 1, PATIENCE_MS));
    close_net(&net);
}

/* Rank 2 with a key of its own, known to all, speaks in the name of rank 1: it gets in as 2 and is not heard.
 */
static void no_rank_speaks_for_another(void **state)
{
    (void)state;
    struct net net;
    open_net(&net);
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
    struct cps_secret_name name = cps_secret_name(run_key, 1, 0);
    int linger = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, &name, sizeof name);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, net.pairs[2].secret_key.bytes, CPS_CURVE_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, net.keys[2].bytes, CPS_CURVE_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, net.keys[0].bytes, CPS_CURVE_BYTES);
    assert_int_equal(zmq_connect(socket, net.endpoints[0]), 0);
    uint8_t frame[CPS_FRAME_HEADER_BYTES];
    const struct cps_message message = {.kind = CPS_MESSAGE_HEARTBEAT, .from = 2, .to = 0, .sequence = 1};
    zmq_send(socket, frame, cps_codec_encode_frame(&message, frame), 0);
    struct cps_message arrived;
    bool received = false;
    uint64_t deadline = cps_clock_ns() + (uint64_t)PATIENCE_MS * 1000000;
    while (cps_zmq_transport_strangers(net.ends[0]) == 0 && cps_clock_ns() < deadline) {
        check_ok(net.ends[0]->ops->receive(net.ends[0], &arrived, &received));
        assert_false(received);
        net.ends[0]->ops->wait(net.ends[0], 1000000);
    }
    check_int(cps_zmq_transport_strangers(net.ends[0]), 1, "messages dropped");
    zmq_close(socket);
    zmq_ctx_term(context);
    close_net(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_opens_for_its_owner_alone),
        cmocka_unit_test(a_veil_lifts_with_its_key_exchange_and_rank),
        cmocka_unit_test(encrypted_connections_carry_messages),
        cmocka_unit_test(other_keys_are_not_let_in),
        cmocka_unit_test(no_rank_speaks_for_another),
    };
    return cmocka_run_group_tests_name("net: curve", tests, NULL, NULL);
}
