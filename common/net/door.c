/*
 * The door; see door.h. ZeroMQ's event for an accepted connection names its file descriptor; its event for a
 * completed handshake does not. Whether a half-open connection is about to succeed is inferred from the number
 * of bytes it has sent: before authentication, a greeting and one or two commands.
 *
 * By the time an event is read, its descriptor may have been closed and reused. The door therefore keeps a
 * duplicate of each.
 */
#include "common/net/door.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/memory.h"

static const char EVENTS[] = "inproc://collab-ps.events";

/* More than a handshake sends: a greeting of 64 bytes, CURVE's HELLO of 208 and INITIATE of 300. */
enum { HANDSHAKE_BYTES = 512 };
static const uint64_t EARNEST_NS = 200000000; /* after which a genuine handshake has sent more */
static const uint64_t GRACE_NS = 500000000;   /* beyond ZeroMQ's own limit */

struct cps_caller {
    int file; /* ZeroMQ's */
    int copy; /* of it, ours */
    uint64_t came_ns;
};

enum cps_status cps_door_open(struct cps_door *self, void *context, uint32_t most, uint32_t handshake_ms)
{
    int linger = 0;
    *self = (struct cps_door){.most = most, .patience_ns = handshake_ms * 1000000ull + GRACE_NS};
    CPS_TRY(cps_alloc("half-open connections", most, sizeof *self->half, &self->half));
    self->events = zmq_socket(context, ZMQ_PAIR);
    if (self->events && zmq_setsockopt(self->events, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_connect(self->events, EVENTS) == 0)
        return CPS_OK;
    cps_door_close(self);
    return cps_fail(CPS_ERR_INTERNAL, "zeromq cannot watch its connections: %s", zmq_strerror(zmq_errno()));
}

bool cps_door_watch(void *socket)
{
    return zmq_socket_monitor(socket, EVENTS,
                              ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                                  ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                  ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) == 0;
}

enum cps_status cps_door_expect(struct cps_door *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t targets)
{
    if (targets == 0)
        return CPS_OK;
    CPS_TRY(cps_alloc("peers", targets, sizeof *self->reached, &self->reached));
    CPS_TRY(cps_alloc("endpoints of peers", targets, sizeof *self->endpoints, &self->endpoints));
    memcpy(self->endpoints, endpoints, targets * sizeof *endpoints);
    self->targets = targets;
    return CPS_OK;
}

static void forget(struct cps_door *self, uint32_t index)
{
    close(self->half[index].copy);
    self->half[index] = self->half[--self->count];
}

/* Forgets the connections that ZeroMQ must have admitted or abandoned by now. */
static void forget_old(struct cps_door *self, uint64_t now_ns)
{
    for (uint32_t i = self->count; i-- > 0;)
        if (now_ns - self->half[i].came_ns > self->patience_ns)
            forget(self, i);
}

static void forget_file(struct cps_door *self, int file)
{
    for (uint32_t i = self->count; i-- > 0;)
        if (self->half[i].file == file)
            forget(self, i);
}

/* Whether the connection has sent no more bytes than a handshake. */
static bool says_little(int file)
{
    struct tcp_info info;
    socklen_t bytes = sizeof info;
    memset(&info, 0, sizeof info);
    return getsockopt(file, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 &&
           info.tcpi_bytes_received < HANDSHAKE_BYTES;
}

/* The connection to close first: the oldest that has sent little, or else the oldest of all. Genuine peers soon
 * send more. */
static uint32_t least_welcome(const struct cps_door *self, uint64_t now_ns)
{
    uint32_t oldest = 0, silent = self->count;
    for (uint32_t i = 0; i < self->count; i++) {
        uint64_t came_ns = self->half[i].came_ns;
        if (came_ns < self->half[oldest].came_ns)
            oldest = i;
        if ((silent == self->count || came_ns < self->half[silent].came_ns) && now_ns - came_ns > EARNEST_NS &&
            says_little(self->half[i].copy))
            silent = i;
    }
    return silent < self->count ? silent : oldest;
}

/* Closes a connection to make room; a rank whose connection is closed reconnects. */
static void make_room(struct cps_door *self, uint64_t now_ns)
{
    if (self->count < self->most)
        return;
    uint32_t index = least_welcome(self, now_ns);
    shutdown(self->half[index].copy, SHUT_RDWR);
    self->crowded_out++;
    forget(self, index);
}

static void receive_caller(struct cps_door *self, int file)
{
    uint64_t now_ns = cps_clock_ns();
    self->came++;
    forget_file(self, file);
    forget_old(self, now_ns);
    make_room(self, now_ns);
    int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
    if (copy >= 0)
        self->half[self->count++] = (struct cps_caller){file, copy, now_ns};
}

/* The peer to which we connected, by its address; `targets` for an incoming connection. */
static uint32_t target_of(const struct cps_door *self, const char *address)
{
    uint32_t i = 0;
    while (i < self->targets && strcmp(self->endpoints[i], address) != 0)
        i++;
    return i;
}

static void note_handshake(struct cps_door *self, uint32_t target, bool succeeded)
{
    if (target == self->targets && succeeded)
        self->let_in++;
    else if (target == self->targets)
        self->failed++;
    else if (succeeded)
        self->reached[target] = true;
}

/* An event has two frames: | number (2 bytes), value (4) | address |. */
static bool read_event(void *socket, uint16_t *event, int32_t *value, char address[CPS_ENDPOINT_BYTES])
{
    uint8_t head[sizeof *event + sizeof *value];
    if (zmq_recv(socket, head, sizeof head, 0) != sizeof head)
        return false;
    int length = zmq_recv(socket, address, CPS_ENDPOINT_BYTES - 1, 0);
    if (length < 0)
        return false;
    address[length < CPS_ENDPOINT_BYTES ? length : CPS_ENDPOINT_BYTES - 1] = '\0';
    memcpy(event, head, sizeof *event);
    memcpy(value, head + sizeof *event, sizeof *value);
    return true;
}

bool cps_door_note(struct cps_door *self)
{
    uint16_t event;
    int32_t value;
    char address[CPS_ENDPOINT_BYTES];
    if (!read_event(self->events, &event, &value, address))
        return false;
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        receive_caller(self, value);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        forget_file(self, value);
        break;
    default:
        note_handshake(self, target_of(self, address), event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    }
    return true;
}

void cps_door_stop(struct cps_door *self)
{
    while (self->count)
        forget(self, 0);
    if (self->events)
        zmq_close(self->events);
    self->events = NULL;
}

void cps_door_close(struct cps_door *self)
{
    cps_door_stop(self);
    free(self->half);
    free(self->endpoints);
    free(self->reached);
    self->half = NULL;
    self->endpoints = NULL;
    self->reached = NULL;
}
