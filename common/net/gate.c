/*
 * The gate; see gate.h. A request has the frames
 *
 *     | "1.0" | request id | domain | address | routing id | "PLAIN" | username | password |
 *     | "1.0" | request id | domain | address | routing id | "CURVE" | public key |
 *
 * and the answer | "1.0" | request id | "200" or "400" | text | user | metadata |, the user being a rank.
 */
#include "common/net/gate.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/log.h"
#include "common/base/memory.h"

enum { FRAMES = 8, FRAME_BYTES = 256, ID = 1, ADDRESS = 3, MECHANISM = 5, KEY = 6, PASSWORD = 7 };

struct cps_gate {
    void *socket;
    struct cps_gate_list list;
    struct cps_door door;
    pthread_mutex_t lock; /* protects what the door expects */
    pthread_t thread;
    bool told; /* the first refused connection was logged */
};

struct frame {
    char bytes[FRAME_BYTES];
    size_t size;
};

/* Reads a whole request; false if the context is terminating. A request that is longer or has more frames than
 * a valid one reads as empty. */
static bool read_request(void *socket, struct frame frames[FRAMES])
{
    memset(frames, 0, FRAMES * sizeof *frames);
    int more = 1;
    size_t size = sizeof more;
    for (uint32_t i = 0; more; i++) {
        struct frame *frame = &frames[i < FRAMES ? i : FRAMES - 1];
        int bytes = zmq_recv(socket, frame->bytes, sizeof frame->bytes - 1, 0);
        if (bytes < 0)
            return false;
        frame->size = bytes < FRAME_BYTES && i < FRAMES ? (size_t)bytes : 0;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0)
            return false;
    }
    return true;
}

static bool has_name(const struct frame *password, const struct cps_secret_name *name)
{
    char text[CPS_SECRET_TEXT_BYTES];
    cps_secret_name_text(name, text);
    return password->size == sizeof text - 1 && memcmp(password->bytes, text, password->size) == 0;
}

static bool has_key(const struct frame *key, const struct cps_curve_key *known)
{
    return key->size == sizeof known->bytes && memcmp(key->bytes, known->bytes, key->size) == 0;
}

/* The rank that the request identifies; list.ranks for a stranger. */
static uint32_t asking_rank(const struct cps_gate *self, const struct frame frames[FRAMES])
{
    const struct cps_gate_list *list = &self->list;
    uint32_t rank = 0;
    if (strcmp(frames[MECHANISM].bytes, list->keys ? "CURVE" : "PLAIN") != 0)
        return list->ranks;
    while (rank < list->ranks && !(list->keys ? has_key(&frames[KEY], &list->keys[rank])
                                              : has_name(&frames[PASSWORD], &list->names[rank])))
        rank++;
    return rank;
}

/* address is NULL if ZeroMQ does not report it. */
static void tell_of_stranger(struct cps_gate *self, const char *address)
{
    if (!self->told)
        cps_warn("%s turns away a connection%s%.64s that shows no key of this run, and all like it",
                 self->list.owner, address ? " from " : "", address ? address : "");
    self->told = true;
}

static bool answer(struct cps_gate *self, const struct frame frames[FRAMES])
{
    uint32_t rank = asking_rank(self, frames);
    const char *code = rank < self->list.ranks ? "200" : "400";
    char user[16] = "";
    if (rank < self->list.ranks)
        snprintf(user, sizeof user, "%u", rank);
    else
        tell_of_stranger(self, frames[ADDRESS].bytes);
    return zmq_send(self->socket, "1.0", 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(self->socket, frames[ID].bytes, frames[ID].size, ZMQ_SNDMORE) >= 0 &&
           zmq_send(self->socket, code, 3, ZMQ_SNDMORE) >= 0 &&
           zmq_send(self->socket, "", 0, ZMQ_SNDMORE) >= 0 &&
           zmq_send(self->socket, user, strlen(user), ZMQ_SNDMORE) >= 0 &&
           zmq_send(self->socket, "", 0, 0) >= 0;
}

static bool note_events(struct cps_gate *self)
{
    pthread_mutex_lock(&self->lock);
    bool ok = cps_door_note(&self->door);
    pthread_mutex_unlock(&self->lock);
    if (self->door.failed)
        tell_of_stranger(self, NULL);
    return ok;
}

static void *run(void *context)
{
    struct cps_gate *self = context;
    struct frame frames[FRAMES];
    zmq_pollitem_t items[] = {{.socket = self->socket, .events = ZMQ_POLLIN},
                              {.socket = self->door.events, .events = ZMQ_POLLIN}};
    bool open = true;
    sigset_t all;
    sigfillset(&all); /* the main thread handles signals */
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (open && zmq_poll(items, 2, -1) >= 0) {
        if (items[1].revents & ZMQ_POLLIN)
            open = note_events(self);
        if (open && items[0].revents & ZMQ_POLLIN)
            open = read_request(self->socket, frames) && answer(self, frames);
    }
    zmq_close(self->socket);
    cps_door_stop(&self->door);
    return NULL;
}

static enum cps_status open_socket(struct cps_gate *self, void *context)
{
    int linger = 0;
    self->socket = zmq_socket(context, ZMQ_REP);
    if (self->socket && zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_bind(self->socket, "inproc://zeromq.zap.01") == 0)
        return CPS_OK;
    return cps_fail(CPS_ERR_INTERNAL, "zeromq cannot open its gate: %s", zmq_strerror(zmq_errno()));
}

enum cps_status cps_gate_open(void *context, const struct cps_gate_list *list, struct cps_gate **out)
{
    struct cps_gate *self;
    CPS_TRY(cps_alloc("a gate", 1, sizeof *self, &self));
    self->list = *list;
    pthread_mutex_init(&self->lock, NULL);
    enum cps_status status = open_socket(self, context);
    if (status == CPS_OK)
        status = cps_door_open(&self->door, context, list->half_open, list->handshake_ms);
    if (status == CPS_OK && pthread_create(&self->thread, NULL, run, self) != 0)
        status = cps_fail(CPS_ERR_MEMORY, "out of memory: a thread for zeromq's gate");
    if (status == CPS_OK) {
        *out = self;
        return CPS_OK;
    }
    if (self->socket)
        zmq_close(self->socket);
    cps_door_close(&self->door);
    pthread_mutex_destroy(&self->lock);
    free(self);
    return status;
}

bool cps_gate_guard(void *socket)
{
    return cps_door_watch(socket);
}

enum cps_status cps_gate_expect(struct cps_gate *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t count)
{
    pthread_mutex_lock(&self->lock);
    enum cps_status status = cps_door_expect(&self->door, endpoints, count);
    pthread_mutex_unlock(&self->lock);
    return status;
}

bool cps_gate_reached(const struct cps_gate *self, uint32_t index)
{
    return self->door.reached[index];
}

struct cps_gate_counts cps_gate_count(const struct cps_gate *self)
{
    uint64_t let_in = self->door.let_in, came = self->door.came;
    return (struct cps_gate_counts){.turned_away = came > let_in ? came - let_in : 0,
                                    .crowded_out = self->door.crowded_out};
}

void cps_gate_close(struct cps_gate **self)
{
    if (!*self)
        return;
    pthread_join((*self)->thread, NULL);
    cps_door_close(&(*self)->door);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}
