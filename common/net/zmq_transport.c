/*
 * One ROUTER socket a rank. Every pair of ranks has one connection, made by the higher
 * rank; both ends know each other by an identity of run and rank, so that what belongs
 * to another run, or to nobody, is recognised and dropped:
 *
 *     frames:  | 'c' run_id rank | header (codec.h) | payload, if any |
 *
 * Payloads are copied into ZeroMQ's own memory and out of it: its I/O thread frees them
 * when it likes, while a pool of buffers is one thread's. At 4 kB that is 0.1 us of a hop.
 */
#include "common/net/zmq_transport.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/memory.h"
#include "common/net/codec.h"

enum { LINGER_MS = 1000, HANDSHAKE_MS = 5000 };

struct identity {
    uint8_t prefix; /* not zero: those ZeroMQ keeps to itself */
    uint8_t run_id[8];
    uint8_t rank[4];
};

struct zmq_transport {
    struct cps_transport base;
    struct cps_route route;
    struct cps_buffer_pool *pool;
    uint64_t run_id;
    void *context;
    void *socket;
    uint64_t strangers;
};

static struct identity identity_of(const struct zmq_transport *self, uint32_t rank)
{
    struct identity identity = {.prefix = 'c'};
    memcpy(identity.run_id, &self->run_id, sizeof identity.run_id);
    memcpy(identity.rank, &rank, sizeof identity.rank);
    return identity;
}

static enum cps_status fail_zmq(const char *what)
{
    return cps_fail(CPS_ERR_INTERNAL, "zeromq cannot %s: %s", what, zmq_strerror(errno));
}

/* Sends all frames, or none and *sent is false: the bound end can address a peer only once that has shaken
 * hands, and a peer whose queue is full not at all. */
static enum cps_status transport_send(struct cps_transport *base, const struct cps_message *message, bool *sent)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    struct identity peer = identity_of(self, self->route.node_rank[message->to]);
    *sent = false;
    if (zmq_send(self->socket, &peer, sizeof peer, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno == EHOSTUNREACH || errno == EAGAIN || errno == EINTR)
            return CPS_OK;
        return fail_zmq("send");
    }
    uint8_t header[CPS_CODEC_HEADER_BYTES];
    size_t header_bytes = cps_codec_encode(message, header);
    const struct cps_buffer *payload = message->payload;
    if (zmq_send(self->socket, header, header_bytes, ZMQ_DONTWAIT | (payload ? ZMQ_SNDMORE : 0)) < 0)
        return fail_zmq("send a header");
    if (payload && zmq_send(self->socket, payload->data, payload->size, ZMQ_DONTWAIT) < 0)
        return fail_zmq("send a payload");
    self->base.counters.sent[message->kind]++;
    self->base.counters.sent_bytes[message->kind] += header_bytes + cps_message_payload_bytes(message);
    *sent = true;
    return CPS_OK;
}

/* The next frame into *frame, which the caller closes. False when there is none. */
static bool next_frame(struct zmq_transport *self, zmq_msg_t *frame)
{
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(frame);
    return false;
}

/* Drops what is left of a message whose last read frame is *frame. */
static void skip_rest(struct zmq_transport *self, zmq_msg_t *frame)
{
    while (zmq_msg_more(frame) && zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT) >= 0)
        continue;
}

/* The rank of the sender, from the first frame; false for a stranger. */
static bool sender_of(const struct zmq_transport *self, zmq_msg_t *frame, uint32_t *rank)
{
    if (zmq_msg_size(frame) != sizeof(struct identity) || !zmq_msg_more(frame))
        return false;
    memcpy(rank, (const uint8_t *)zmq_msg_data(frame) + offsetof(struct identity, rank), sizeof *rank);
    if (*rank >= self->route.ranks)
        return false;
    struct identity expected = identity_of(self, *rank);
    return memcmp(zmq_msg_data(frame), &expected, sizeof expected) == 0;
}

static enum cps_status read_payload(struct zmq_transport *self, zmq_msg_t *frame, struct cps_message *out)
{
    zmq_msg_close(frame);
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT) < 0)
        return fail_zmq("receive a payload");
    size_t bytes = zmq_msg_size(frame);
    if (bytes == 0)
        return CPS_OK;
    CPS_TRY(cps_buffer_acquire(self->pool, bytes, &out->payload));
    memcpy(out->payload->data, zmq_msg_data(frame), bytes);
    return CPS_OK;
}

/* Header and payload of a message from rank peer, whose identity was *frame. */
static enum cps_status read_message(struct zmq_transport *self, zmq_msg_t *frame, uint32_t peer,
                                    struct cps_message *out)
{
    zmq_msg_close(frame);
    zmq_msg_init(frame);
    if (zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT) < 0)
        return fail_zmq("receive a header");
    size_t header_bytes = zmq_msg_size(frame);
    CPS_TRY(cps_codec_decode(zmq_msg_data(frame), header_bytes, out));
    CPS_TRY(cps_route_check(&self->route, peer, out));
    if (zmq_msg_more(frame))
        CPS_TRY(read_payload(self, frame, out));
    self->base.counters.received[out->kind]++;
    self->base.counters.received_bytes[out->kind] += header_bytes + cps_message_payload_bytes(out);
    return CPS_OK;
}

static enum cps_status transport_receive(struct cps_transport *base, struct cps_message *out, bool *received)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    *received = false;
    zmq_msg_t frame;
    while (next_frame(self, &frame)) {
        uint32_t peer;
        if (sender_of(self, &frame, &peer)) {
            enum cps_status status = read_message(self, &frame, peer, out);
            skip_rest(self, &frame);
            zmq_msg_close(&frame);
            *received = status == CPS_OK;
            return status;
        }
        self->strangers++;
        skip_rest(self, &frame);
        zmq_msg_close(&frame);
    }
    return CPS_OK;
}

static void transport_wait(struct cps_transport *base, uint64_t ns)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    long ms = (long)((ns + 999999) / 1000000);
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    zmq_poll(&item, 1, ms);
}

static bool transport_idle(struct cps_transport *base)
{
    (void)base; /* its thread sends by itself */
    return true;
}

static void transport_destroy(struct cps_transport *base)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    if (self->socket)
        zmq_close(self->socket);
    /* What was handed over leaves within the linger time; a second signal only shortens it. */
    while (self->context && zmq_ctx_term(self->context) != 0 && errno == EINTR)
        continue;
    free(self);
}

static const struct cps_transport_ops zmq_ops = {
    .send = transport_send,
    .receive = transport_receive,
    .wait = transport_wait,
    .idle = transport_idle,
    .destroy = transport_destroy,
};

static bool set_option(struct zmq_transport *self, int option, int value)
{
    return zmq_setsockopt(self->socket, option, &value, sizeof value) == 0;
}

static enum cps_status open_socket(struct zmq_transport *self, const struct cps_zmq_options *options)
{
    self->context = zmq_ctx_new();
    self->socket = self->context ? zmq_socket(self->context, ZMQ_ROUTER) : NULL;
    if (!self->socket)
        return fail_zmq("open a socket");
    struct identity own = identity_of(self, self->route.rank);
    bool ok = zmq_setsockopt(self->socket, ZMQ_ROUTING_ID, &own, sizeof own) == 0 &&
              set_option(self, ZMQ_ROUTER_MANDATORY, 1) && set_option(self, ZMQ_ROUTER_HANDOVER, 1) &&
              set_option(self, ZMQ_LINGER, LINGER_MS) && set_option(self, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
              set_option(self, ZMQ_RECONNECT_IVL, 20) && set_option(self, ZMQ_RECONNECT_IVL_MAX, 1000);
    if (ok && options->tcp)
        ok = set_option(self, ZMQ_TCP_KEEPALIVE, 1) &&
             set_option(self, ZMQ_IPV6, strchr(options->address, ':') != NULL);
    if (ok && !options->tcp) {
        /* An abstract socket has no permissions; the kernel vouches for the user instead. */
        uid_t user = geteuid();
        ok = zmq_setsockopt(self->socket, ZMQ_IPC_FILTER_UID, &user, sizeof user) == 0;
    }
    return ok ? CPS_OK : fail_zmq("set up a socket");
}

static void wanted_endpoint(const struct cps_zmq_options *options, char endpoint[CPS_ENDPOINT_BYTES])
{
    if (!options->tcp) {
        snprintf(endpoint, CPS_ENDPOINT_BYTES, "ipc://@collab-ps-%016" PRIx64 "-%u", options->run_id,
                 options->route.rank);
        return;
    }
    char port[16] = "*";
    if (options->base_port)
        snprintf(port, sizeof port, "%u", options->base_port + options->route.rank);
    bool v6 = strchr(options->address, ':') != NULL;
    snprintf(endpoint, CPS_ENDPOINT_BYTES, "tcp://%s%s%s:%s", v6 ? "[" : "", options->address, v6 ? "]" : "",
             port);
}

static enum cps_status bind_socket(struct zmq_transport *self, const struct cps_zmq_options *options,
                                   char endpoint[CPS_ENDPOINT_BYTES])
{
    char wanted[CPS_ENDPOINT_BYTES];
    wanted_endpoint(options, wanted);
    if (options->tcp && options->base_port && options->base_port + options->route.rank > 65535)
        return cps_fail(CPS_ERR_USAGE, "port %u + rank %u is beyond 65535", options->base_port,
                        options->route.rank);
    if (zmq_bind(self->socket, wanted) != 0) {
        if (errno != EADDRINUSE)
            return cps_fail(CPS_ERR_USAGE, "cannot listen on '%s': %s", wanted, zmq_strerror(errno));
        return cps_hint(cps_fail(CPS_ERR_USAGE, "cannot listen on '%s': address in use", wanted),
                        "choose other ports with --port, or leave it out to take any that are free");
    }
    size_t bytes = CPS_ENDPOINT_BYTES;
    if (zmq_getsockopt(self->socket, ZMQ_LAST_ENDPOINT, endpoint, &bytes) != 0)
        return fail_zmq("tell its endpoint");
    return CPS_OK;
}

enum cps_status cps_zmq_transport_bind(const struct cps_zmq_options *options, struct cps_transport **out,
                                       char endpoint[CPS_ENDPOINT_BYTES])
{
    struct zmq_transport *self;
    CPS_TRY(cps_alloc("a transport", 1, sizeof *self, &self));
    self->base.ops = &zmq_ops;
    self->route = options->route;
    self->pool = options->pool;
    self->run_id = options->run_id;
    enum cps_status status = open_socket(self, options);
    if (status == CPS_OK)
        status = bind_socket(self, options, endpoint);
    if (status != CPS_OK) {
        transport_destroy(&self->base);
        return status;
    }
    *out = &self->base;
    return CPS_OK;
}

enum cps_status cps_zmq_transport_connect(struct cps_transport *base,
                                          const char (*endpoints)[CPS_ENDPOINT_BYTES])
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    for (uint32_t rank = 0; rank < self->route.rank; rank++) {
        struct identity peer = identity_of(self, rank);
        if (zmq_setsockopt(self->socket, ZMQ_CONNECT_ROUTING_ID, &peer, sizeof peer) != 0)
            return fail_zmq("name a peer");
        if (zmq_connect(self->socket, endpoints[rank]) != 0)
            return cps_fail(CPS_ERR_PEER, "cannot connect to rank %u at '%s': %s", rank, endpoints[rank],
                            zmq_strerror(errno));
    }
    return CPS_OK;
}

uint64_t cps_zmq_transport_strangers(const struct cps_transport *base)
{
    return ((const struct zmq_transport *)base)->strangers;
}
