/*
 * One ROUTER socket per rank. Every pair of ranks has one connection, made by the higher
 * rank; both ends identify each other by names derived from the key of the run (secret.h),
 * so that messages of other runs or of strangers are recognised and dropped:
 *
 *     parts:  | name | frame (codec.h) |        over ipc, and over tcp if encrypted
 *     parts:  | name | code, frame     |        over tcp, not encrypted
 *
 * The listening end reveals nothing about itself. A name is used for one connection only, and
 * its holder may take the connection over: the rank itself does so after a reset that the
 * other end has not noticed yet.
 *
 * Payloads are copied into and out of ZeroMQ's memory, since its I/O thread frees them
 * at any time, while a buffer pool belongs to one thread. At 4 kB a copy takes 0.1 us of a hop;
 * the authentication code takes 1 us on each side.
 */
#include "common/net/zmq_transport.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/net/codec.h"
#include "common/net/gate.h"
#include "common/net/ipc_folder.h"

enum { LINGER_MS = 1000, HANDSHAKE_MS = 5000, PING_MS = 4000, BACKLOG = 256, CODE_BYTES = 8 };
enum { CONNECT_LEAST_MS = 250 };
enum { STRANGERS_HALF_OPEN = 64 }; /* besides the ranks */
static const uint64_t LOOK_NS = 2000000;

static const char ZAP_DOMAIN[] = "collab-ps";

struct zmq_transport {
    struct cps_transport base;
    struct cps_route route;
    struct cps_buffer_pool *pool;
    uint8_t key[CPS_SECRET_BYTES];
    struct cps_secret_name *names; /* [ranks]: the name of each on its connection with this rank */
    bool coded;                    /* frames carry an authentication code */
    char folder[CPS_IPC_FOLDER_BYTES];
    void *context;
    void *socket;
    int descriptor;                          /* readable when there may be something to receive */
    bool drained;                            /* the last call to ZeroMQ found nothing to receive */
    struct cps_gate *gate;                   /* NULL over ipc */
    const struct cps_curve_key *public_keys; /* [ranks]; NULL: not encrypted */
    uint64_t strangers;
    bool told;                       /* the first of them was logged */
    char name[CPS_ROUTE_NAME_BYTES]; /* of this rank, for the log */
};

static enum cps_status fail_zmq(const char *what)
{
    return cps_fail(CPS_ERR_INTERNAL, "zeromq cannot %s: %s", what, zmq_strerror(errno));
}

/* Builds the part that carries message. */
static enum cps_status build_part(const struct zmq_transport *self, const struct cps_message *message,
                                  zmq_msg_t *part)
{
    uint8_t start[CPS_FRAME_HEADER_BYTES];
    size_t start_bytes = cps_codec_encode_frame(message, start);
    size_t payload_bytes = cps_message_payload_bytes(message), code_bytes = self->coded ? CODE_BYTES : 0;
    if (zmq_msg_init_size(part, code_bytes + start_bytes + payload_bytes) != 0)
        return cps_fail_memory("a message", start_bytes + payload_bytes);
    uint8_t *bytes = zmq_msg_data(part), *frame = bytes + code_bytes;
    memcpy(frame, start, start_bytes);
    if (payload_bytes)
        memcpy(frame + start_bytes, message->payload->data, payload_bytes);
    if (self->coded) {
        uint64_t code = cps_secret_code(self->key, frame, start_bytes + payload_bytes);
        memcpy(bytes, &code, sizeof code);
    }
    return CPS_OK;
}

/* Sends both parts, or none and sets *sent to false: the bound end cannot address a peer before its handshake
 * is complete, or while its queue is full. */
static enum cps_status transport_send(struct cps_transport *base, const struct cps_message *message, bool *sent)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    uint32_t rank = self->route.node_rank[message->to];
    const struct cps_secret_name *peer = &self->names[rank];
    *sent = self->drained = false;
    if (zmq_send(self->socket, peer, sizeof *peer, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno == EHOSTUNREACH || errno == EAGAIN || errno == EINTR)
            return CPS_OK;
        return fail_zmq("send");
    }
    zmq_msg_t part;
    enum cps_status status = build_part(self, message, &part);
    if (status != CPS_OK) {
        zmq_send(self->socket, "", 0, ZMQ_DONTWAIT); /* complete the message, which the peer drops */
        return status;
    }
    size_t bytes = zmq_msg_size(&part);
    if (zmq_msg_send(&part, self->socket, ZMQ_DONTWAIT) < 0) {
        status = fail_zmq("send a message");
        zmq_msg_close(&part);
        return status;
    }
    cps_transport_count_sent(&self->base, message->kind, bytes, cps_route_leaves_host(&self->route, rank));
    *sent = true;
    return CPS_OK;
}

/* Receives the first part of the next message into *part, which the caller closes. False if there is none. */
static bool first_part(struct zmq_transport *self, zmq_msg_t *part)
{
    zmq_msg_init(part);
    if (zmq_msg_recv(part, self->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(part);
    return false;
}

/* Drops the rest of a message whose last read part is *part. */
static void skip_rest(struct zmq_transport *self, zmq_msg_t *part)
{
    while (zmq_msg_more(part) && zmq_msg_recv(part, self->socket, ZMQ_DONTWAIT) >= 0)
        continue;
}

/* The rank of the sender, from the first part; false for a stranger. */
static bool sender_of(const struct zmq_transport *self, zmq_msg_t *part, uint32_t *rank)
{
    if (zmq_msg_size(part) != sizeof(struct cps_secret_name) || !zmq_msg_more(part))
        return false;
    *rank = cps_secret_name_rank(zmq_msg_data(part));
    return *rank < self->route.ranks &&
           memcmp(zmq_msg_data(part), &self->names[*rank], sizeof *self->names) == 0;
}

/* Replaces *part by the next part of its message. */
static enum cps_status next_part(struct zmq_transport *self, zmq_msg_t *part)
{
    zmq_msg_close(part);
    zmq_msg_init(part);
    return zmq_msg_recv(part, self->socket, ZMQ_DONTWAIT) < 0 ? fail_zmq("receive a message") : CPS_OK;
}

/* Whether the gate admitted the connection as that of rank. Connections to lower ranks do not pass our gate: we
 * made them, and they prove their key. part must not be the first, whose user ZeroMQ 4.3 forgets after a
 * poll. */
static bool came_through_gate(const struct zmq_transport *self, zmq_msg_t *part, uint32_t rank)
{
    if (!self->gate || rank < self->route.rank)
        return true;
    char *end;
    const char *user = zmq_msg_gets(part, "User-Id");
    return user && *user && strtoul(user, &end, 10) == rank && *end == '\0';
}

static enum cps_status fail_peer(const struct zmq_transport *self, uint32_t peer, const char *what)
{
    char name[CPS_ROUTE_NAME_BYTES];
    cps_route_rank_name(&self->route, peer, name);
    return cps_fail(CPS_ERR_PEER, "%s %s", what, name);
}

/* Copies the frame in *part into a buffer, if its authentication code is right. */
static enum cps_status take_frame(struct zmq_transport *self, zmq_msg_t *part, uint32_t peer,
                                  struct cps_buffer **out)
{
    const uint8_t *bytes = zmq_msg_data(part);
    size_t code_bytes = self->coded ? CODE_BYTES : 0, size = zmq_msg_size(part);
    uint64_t code;
    if (size < code_bytes + CPS_FRAME_PREFIX_BYTES)
        return fail_peer(self, peer, "malformed message header, from");
    memcpy(&code, bytes, sizeof code);
    bytes += code_bytes;
    size -= code_bytes;
    if (self->coded && code != cps_secret_code(self->key, bytes, size))
        return fail_peer(self, peer, "a message is damaged or forged, in the name of");
    CPS_TRY(cps_buffer_acquire(self->pool, size, out));
    memcpy((*out)->data, bytes, size);
    return CPS_OK;
}

/* Receives the frame of a message from rank peer, whose name was *part. CPS_ERR_PEER for a message to be
 * dropped. */
static enum cps_status read_message(struct zmq_transport *self, zmq_msg_t *part, uint32_t peer,
                                    struct cps_message *out)
{
    struct cps_buffer *frame;
    CPS_TRY(next_part(self, part));
    if (!came_through_gate(self, part, peer))
        return fail_peer(self, peer, "a message came over the connection of another rank, in the name of");
    CPS_TRY(take_frame(self, part, peer, &frame));
    CPS_TRY(cps_codec_decode_frame(frame, out));
    enum cps_status status = cps_route_check(&self->route, peer, out);
    if (status != CPS_OK) {
        cps_message_release(out);
        return status;
    }
    self->base.counters.received[out->kind]++;
    self->base.counters.received_bytes[out->kind] += zmq_msg_size(part);
    return CPS_OK;
}

/* Counts a dropped message, and logs the first. */
static void drop_stranger(struct zmq_transport *self, const char *why)
{
    self->strangers++;
    if (!self->told)
        cps_warn("%s drops a message that is not of this run, and all like it: %s", self->name, why);
    self->told = true;
}

static enum cps_status transport_receive(struct cps_transport *base, struct cps_message *out, bool *received)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    *received = self->drained = false;
    zmq_msg_t part;
    while (first_part(self, &part)) {
        uint32_t peer;
        enum cps_status status = CPS_ERR_PEER;
        if (sender_of(self, &part, &peer))
            status = read_message(self, &part, peer, out);
        else
            cps_fail(CPS_ERR_PEER, "its sender is not a rank");
        skip_rest(self, &part);
        zmq_msg_close(&part);
        if (status != CPS_ERR_PEER) {
            *received = status == CPS_OK;
            return status;
        }
        drop_stranger(self, cps_error_text());
    }
    self->drained = true;
    return CPS_OK;
}

static void transport_wait(struct cps_transport *base, uint64_t ns)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    int events = 0;
    size_t bytes = sizeof events;
    /* The descriptor tells of a change since ZeroMQ was last called, which a send may have consumed. */
    if (!self->drained &&
        (zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &bytes) != 0 || events & ZMQ_POLLIN))
        return;
    struct pollfd item = {.fd = self->descriptor, .events = POLLIN};
    poll(&item, 1, (int)((ns + 999999) / 1000000));
}

static bool transport_idle(struct cps_transport *base)
{
    (void)base; /* ZeroMQ sends in a thread of its own */
    return true;
}

static void transport_destroy(struct cps_transport *base)
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    if (self->socket)
        zmq_close(self->socket);
    /* Queued messages are sent within the linger time, which a second signal shortens. The gate closes
     * its socket when the context terminates. */
    while (self->context && zmq_ctx_term(self->context) != 0 && errno == EINTR)
        continue;
    cps_gate_close(&self->gate);
    cps_ipc_folder_remove(self->folder);
    free(self->names);
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

static bool set_text(struct zmq_transport *self, int option, const void *text, size_t bytes)
{
    return zmq_setsockopt(self->socket, option, text, bytes) == 0;
}

/* Limits message parts to the largest valid size, so that larger ones are refused before memory is allocated.
 */
static bool limit_parts(struct zmq_transport *self, size_t most_payload_bytes)
{
    int64_t most = (int64_t)most_payload_bytes + CODE_BYTES + CPS_FRAME_HEADER_BYTES;
    return most_payload_bytes == 0 || zmq_setsockopt(self->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0;
}

/* A connection may be open and yet carry nothing, for instance if a firewall dropped its state or ZeroMQ's
 * framing is out of step. The end that receives nothing closes it within half of patience_ns, and it is made
 * anew. */
static bool renew_mute(struct zmq_transport *self, uint64_t patience_ns)
{
    uint64_t ping_ms = patience_ns / 8000000;
    ping_ms = ping_ms < PING_MS ? ping_ms : PING_MS;
    /* If a link is down, TCP repeats its attempt to connect after 1, 3 and 7 s: start a new attempt sooner. */
    int connect_ms = ping_ms < CONNECT_LEAST_MS ? CONNECT_LEAST_MS : (int)ping_ms;
    return ping_ms == 0 || (set_option(self, ZMQ_HEARTBEAT_IVL, (int)ping_ms) &&
                            set_option(self, ZMQ_HEARTBEAT_TIMEOUT, 3 * (int)ping_ms) &&
                            set_option(self, ZMQ_CONNECT_TIMEOUT, connect_ms));
}

static enum cps_status open_gate(struct zmq_transport *self)
{
    if (self->public_keys && !zmq_has("curve"))
        return cps_hint(cps_fail(CPS_ERR_USAGE, "this ZeroMQ was built without encryption"),
                        "on a network that you trust, '--encrypt off' does without");
    const struct cps_gate_list list = {.names = self->names,
                                       .keys = self->public_keys,
                                       .ranks = self->route.ranks,
                                       .owner = self->name,
                                       .half_open = STRANGERS_HALF_OPEN + 2 * self->route.ranks,
                                       .handshake_ms = HANDSHAKE_MS};
    return cps_gate_open(self->context, &list, &self->gate);
}

/* Configures how the listening end authenticates connections. */
static bool guard_socket(struct zmq_transport *self, const struct cps_zmq_options *options)
{
    if (!set_text(self, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, sizeof ZAP_DOMAIN - 1))
        return false;
    if (!options->public_keys)
        return set_option(self, ZMQ_PLAIN_SERVER, 1);
    return set_option(self, ZMQ_CURVE_SERVER, 1) &&
           set_text(self, ZMQ_CURVE_SECRETKEY, options->secret_key->bytes, CPS_CURVE_BYTES);
}

static enum cps_status open_socket(struct zmq_transport *self, const struct cps_zmq_options *options)
{
    self->context = zmq_ctx_new();
    if (self->context && options->tcp)
        CPS_TRY(open_gate(self));
    self->socket = self->context ? zmq_socket(self->context, ZMQ_ROUTER) : NULL;
    if (!self->socket)
        return fail_zmq("open a socket");
    bool ok = set_option(self, ZMQ_ROUTER_MANDATORY, 1) && set_option(self, ZMQ_ROUTER_HANDOVER, 1) &&
              set_option(self, ZMQ_LINGER, LINGER_MS) && set_option(self, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
              set_option(self, ZMQ_BACKLOG, BACKLOG) && set_option(self, ZMQ_RECONNECT_IVL, 20) &&
              set_option(self, ZMQ_RECONNECT_IVL_MAX, 1000) && limit_parts(self, options->most_bytes);
    if (ok && options->tcp)
        ok = set_option(self, ZMQ_TCP_KEEPALIVE, 1) && renew_mute(self, options->patience_ns) &&
             set_option(self, ZMQ_IPV6, strchr(options->address, ':') != NULL) && guard_socket(self, options) &&
             cps_gate_guard(self->socket);
    return ok ? CPS_OK : fail_zmq("set up a socket");
}

static void wanted_endpoint(const struct zmq_transport *self, const struct cps_zmq_options *options,
                            char endpoint[CPS_ENDPOINT_BYTES])
{
    if (!options->tcp) {
        snprintf(endpoint, CPS_ENDPOINT_BYTES, "ipc://%s/" CPS_IPC_SOCKET, self->folder);
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
    if (!options->tcp)
        CPS_TRY(cps_ipc_folder_make(self->folder));
    wanted_endpoint(self, options, wanted);
    if (options->tcp && options->base_port && options->base_port + options->route.rank > 65535)
        return cps_fail(CPS_ERR_USAGE, "port %u + rank %u is beyond 65535", options->base_port,
                        options->route.rank);
    if (zmq_bind(self->socket, wanted) != 0) {
        if (errno != EADDRINUSE)
            return cps_fail(CPS_ERR_USAGE, "cannot listen on '%s': %s", wanted, zmq_strerror(errno));
        return cps_hint(cps_fail(CPS_ERR_USAGE, "cannot listen on '%s': address in use", wanted),
                        "choose other ports with --port, or leave it out to take any that are free");
    }
    size_t bytes = CPS_ENDPOINT_BYTES, descriptor_bytes = sizeof self->descriptor;
    if (zmq_getsockopt(self->socket, ZMQ_FD, &self->descriptor, &descriptor_bytes) != 0)
        return fail_zmq("tell its descriptor");
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
    self->public_keys = options->tcp ? options->public_keys : NULL;
    self->coded = options->tcp && !self->public_keys;
    memcpy(self->key, options->key, sizeof self->key);
    cps_route_rank_name(&self->route, self->route.rank, self->name);
    enum cps_status status = cps_alloc("names of ranks", self->route.ranks, sizeof *self->names, &self->names);
    for (uint32_t rank = 0; status == CPS_OK && rank < self->route.ranks; rank++)
        self->names[rank] = cps_secret_name(self->key, rank, self->route.rank);
    if (status == CPS_OK)
        status = open_socket(self, options);
    if (status == CPS_OK)
        status = bind_socket(self, options, endpoint);
    if (status != CPS_OK) {
        transport_destroy(&self->base);
        return status;
    }
    *out = &self->base;
    return CPS_OK;
}

/* Sets the credentials that the next connection presents to peer's gate. Setting peer's key makes this the
 * connecting end. */
static bool show_pass(struct zmq_transport *self, uint32_t peer, const struct cps_secret_name *own)
{
    char password[CPS_SECRET_TEXT_BYTES];
    if (self->public_keys)
        return set_text(self, ZMQ_CURVE_PUBLICKEY, self->public_keys[self->route.rank].bytes,
                        CPS_CURVE_BYTES) &&
               set_text(self, ZMQ_CURVE_SERVERKEY, self->public_keys[peer].bytes, CPS_CURVE_BYTES);
    cps_secret_name_text(own, password);
    return set_text(self, ZMQ_PLAIN_USERNAME, "rank", 4) &&
           set_text(self, ZMQ_PLAIN_PASSWORD, password, strlen(password));
}

/* Sets this rank's name on the next connection, and the local name of the other end. */
static bool name_ends(struct zmq_transport *self, uint32_t peer)
{
    struct cps_secret_name own = cps_secret_name(self->key, self->route.rank, peer);
    bool ok = set_text(self, ZMQ_ROUTING_ID, &own, sizeof own) &&
              set_text(self, ZMQ_CONNECT_ROUTING_ID, &self->names[peer], sizeof *self->names);
    return ok && (!self->gate || show_pass(self, peer, &own));
}

enum cps_status cps_zmq_transport_connect(struct cps_transport *base,
                                          const char (*endpoints)[CPS_ENDPOINT_BYTES])
{
    struct zmq_transport *self = (struct zmq_transport *)base;
    char peer[CPS_ROUTE_NAME_BYTES];
    if (self->gate)
        CPS_TRY(cps_gate_expect(self->gate, endpoints, self->route.rank));
    for (uint32_t rank = 0; rank < self->route.rank; rank++) {
        if (!name_ends(self, rank))
            return fail_zmq("name a peer");
        if (zmq_connect(self->socket, endpoints[rank]) == 0)
            continue;
        cps_route_rank_name(&self->route, rank, peer);
        return cps_fail(CPS_ERR_PEER, "cannot connect to %s at '%s': %s", peer, endpoints[rank],
                        zmq_strerror(errno));
    }
    return CPS_OK;
}

void cps_zmq_transport_await(struct cps_transport *base, uint64_t timeout_ns, uint32_t *missing)
{
    const struct zmq_transport *self = (const struct zmq_transport *)base;
    uint64_t until_ns = cps_clock_ns() + timeout_ns;
    uint32_t rank = 0;
    while (self->gate && rank < self->route.rank) {
        if (cps_gate_reached(self->gate, rank))
            rank++;
        else if (cps_clock_ns() < until_ns)
            cps_sleep_ns(LOOK_NS);
        else
            break;
    }
    *missing = self->gate && rank < self->route.rank ? rank : self->route.ranks;
}

struct cps_gate_counts cps_zmq_transport_turned_away(const struct cps_transport *base)
{
    const struct zmq_transport *self = (const struct zmq_transport *)base;
    return self->gate ? cps_gate_count(self->gate) : (struct cps_gate_counts){0};
}

uint64_t cps_zmq_transport_strangers(const struct cps_transport *base)
{
    return ((const struct zmq_transport *)base)->strangers;
}
