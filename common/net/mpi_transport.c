/*
 * Sends frames (codec.h), one MPI message each. A send copies header and payload into one
 * buffer and keeps it until MPI is done with it; a message is received directly into
 * the buffer whose tail becomes the payload.
 *
 *     send:     frame -> MPI_Isend -> sending[]  -> MPI_Testsome -> released
 *     receive:  MPI_Improbe -> MPI_Imrecv -> receiving[] -> MPI_Testsome -> decoded -> role
 *
 * Short frames complete at once on both sides and are not listed. Frames above the eager
 * limit progress only while both ends call MPI, which send, receive and wait do.
 */
#include "common/net/mpi_transport.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/net/codec.h"
#include "common/net/queue.h"

enum { FRAME_TAG = 1 };

/* Operations in flight; requests are a separate array, as MPI requires. */
struct operations {
    MPI_Request *requests;
    struct cps_buffer **frames;
    int *peers;
    int *indices; /* output of MPI_Testsome */
    size_t count;
    size_t capacity;
};

struct mpi_transport {
    struct cps_transport base;
    struct cps_route route;
    struct cps_buffer_pool *pool;
    MPI_Comm communicator;
    struct operations sending, receiving;
    struct cps_queue arrived; /* complete, not yet handed out */
};

static enum cps_status fail_mpi(const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    return cps_fail(CPS_ERR_PEER, "mpi cannot %s: %.*s", what, length, text);
}

static enum cps_status operations_reserve(struct operations *self, size_t need)
{
    if (need <= self->capacity)
        return CPS_OK;
    size_t requests = self->capacity, frames = self->capacity, peers = self->capacity, indices = self->capacity;
    CPS_TRY(cps_grow("mpi requests", &self->requests, &requests, need, sizeof *self->requests));
    CPS_TRY(cps_grow("mpi frames", &self->frames, &frames, need, sizeof *self->frames));
    CPS_TRY(cps_grow("mpi peers", &self->peers, &peers, need, sizeof *self->peers));
    CPS_TRY(cps_grow("mpi indices", &self->indices, &indices, need, sizeof *self->indices));
    self->capacity = requests;
    return CPS_OK;
}

static void operations_add(struct operations *self, MPI_Request request, struct cps_buffer *frame, int peer)
{
    self->requests[self->count] = request;
    self->frames[self->count] = frame;
    self->peers[self->count] = peer;
    self->count++;
}

/* Removes the completed operations, whose requests MPI has set to null. */
static void operations_compact(struct operations *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->requests[i] == MPI_REQUEST_NULL)
            continue;
        self->requests[kept] = self->requests[i];
        self->frames[kept] = self->frames[i];
        self->peers[kept] = self->peers[i];
        kept++;
    }
    self->count = kept;
}

static void operations_release(struct operations *self)
{
    for (size_t i = 0; i < self->count; i++) {
        /* Open MPI cannot cancel a send that no peer receives: its buffer, and this reference, belong to MPI
         * until the process ends. */
        if (self->requests[i] != MPI_REQUEST_NULL)
            MPI_Request_free(&self->requests[i]);
        else
            cps_buffer_release(self->frames[i]);
    }
    free(self->requests);
    free(self->frames);
    free(self->peers);
    free(self->indices);
}

static enum cps_status build_frame(struct mpi_transport *self, const struct cps_message *message,
                                   struct cps_buffer **out)
{
    uint8_t start[CPS_FRAME_HEADER_BYTES];
    size_t offset = cps_codec_encode_frame(message, start);
    size_t payload_bytes = cps_message_payload_bytes(message);
    if (payload_bytes > INT_MAX - offset)
        return cps_hint(cps_fail(CPS_ERR_INTERNAL, "a '%s' of %zu bytes exceeds the limit of an mpi message",
                                 cps_message_kind_name(message->kind), payload_bytes),
                        "use a smaller --batch-size, more servers, or --transport ipc");
    struct cps_buffer *frame;
    CPS_TRY(cps_buffer_acquire(self->pool, offset + payload_bytes, &frame));
    memcpy(frame->data, start, offset);
    if (payload_bytes)
        memcpy(frame->data + offset, message->payload->data, payload_bytes);
    *out = frame;
    return CPS_OK;
}

static enum cps_status send_frame(struct mpi_transport *self, struct cps_buffer *frame, int peer)
{
    CPS_TRY(operations_reserve(&self->sending, self->sending.count + 1));
    MPI_Request request;
    int code =
        MPI_Isend(frame->data, (int)frame->size, MPI_BYTE, peer, FRAME_TAG, self->communicator, &request);
    if (code != MPI_SUCCESS)
        return fail_mpi("send", code);
    int done = 0;
    code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS)
        return fail_mpi("send", code);
    if (!done)
        operations_add(&self->sending, request, cps_buffer_retain(frame), peer);
    return CPS_OK;
}

static enum cps_status transport_send(struct cps_transport *base, const struct cps_message *message, bool *sent)
{
    struct mpi_transport *self = (struct mpi_transport *)base;
    struct cps_buffer *frame = NULL;
    *sent = false;
    CPS_TRY(build_frame(self, message, &frame));
    uint32_t rank = self->route.node_rank[message->to];
    enum cps_status status = send_frame(self, frame, (int)rank);
    if (status == CPS_OK) {
        cps_transport_count_sent(&self->base, message->kind, frame->size,
                                 cps_route_leaves_host(&self->route, rank));
        *sent = true;
    }
    cps_buffer_release(frame);
    return status;
}

/* Releases the frames MPI is done with. */
static enum cps_status test_sends(struct mpi_transport *self)
{
    struct operations *sending = &self->sending;
    int done = 0;
    int code =
        MPI_Testsome((int)sending->count, sending->requests, &done, sending->indices, MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS)
        return fail_mpi("send", code);
    if (done == MPI_UNDEFINED)
        done = 0;
    for (int i = 0; i < done; i++)
        cps_buffer_release(sending->frames[sending->indices[i]]);
    if (done)
        operations_compact(sending);
    return CPS_OK;
}

/* Decodes a whole frame and queues its message. */
static enum cps_status decode(struct mpi_transport *self, struct cps_buffer *frame, int peer,
                              struct cps_message *out)
{
    size_t bytes = frame->size;
    CPS_TRY(cps_codec_decode_frame(frame, out));
    enum cps_status status = cps_route_check(&self->route, (uint32_t)peer, out);
    if (status != CPS_OK) {
        cps_message_release(out);
        return status;
    }
    self->base.counters.received[out->kind]++;
    self->base.counters.received_bytes[out->kind] += bytes;
    return CPS_OK;
}

static enum cps_status queue_arrived(struct mpi_transport *self, struct cps_buffer *frame, int peer)
{
    struct cps_message message;
    CPS_TRY(decode(self, frame, peer, &message));
    return cps_queue_put(&self->arrived, &message);
}

/* Queues the frames that have been received completely. */
static enum cps_status test_receives(struct mpi_transport *self)
{
    struct operations *receiving = &self->receiving;
    int done = 0;
    int code = MPI_Testsome((int)receiving->count, receiving->requests, &done, receiving->indices,
                            MPI_STATUSES_IGNORE);
    if (code != MPI_SUCCESS)
        return fail_mpi("receive", code);
    if (done == MPI_UNDEFINED)
        done = 0;
    enum cps_status status = CPS_OK;
    for (int i = 0; i < done; i++) {
        int index = receiving->indices[i];
        enum cps_status one = queue_arrived(self, receiving->frames[index], receiving->peers[index]);
        if (status == CPS_OK)
            status = one;
    }
    if (done)
        operations_compact(receiving);
    return status;
}

/* Starts receiving the next frame, if there is one; *frame is set if it is received at once. */
static enum cps_status probe(struct mpi_transport *self, struct cps_buffer **frame, int *peer)
{
    MPI_Message handle;
    MPI_Status envelope;
    MPI_Request request;
    int found = 0, bytes = 0, done = 0;
    *frame = NULL;
    int code = MPI_Improbe(MPI_ANY_SOURCE, FRAME_TAG, self->communicator, &found, &handle, &envelope);
    if (code != MPI_SUCCESS)
        return fail_mpi("look for messages", code);
    if (!found)
        return CPS_OK;
    MPI_Get_count(&envelope, MPI_BYTE, &bytes);
    struct cps_buffer *buffer;
    CPS_TRY(operations_reserve(&self->receiving, self->receiving.count + 1));
    CPS_TRY(cps_buffer_acquire(self->pool, (size_t)bytes, &buffer));
    code = MPI_Imrecv(buffer->data, bytes, MPI_BYTE, &handle, &request);
    if (code == MPI_SUCCESS)
        code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS)
        return fail_mpi("receive", code);
    *peer = envelope.MPI_SOURCE;
    if (done)
        *frame = buffer;
    else
        operations_add(&self->receiving, request, buffer, *peer);
    return CPS_OK;
}

static enum cps_status transport_receive(struct cps_transport *base, struct cps_message *out, bool *received)
{
    struct mpi_transport *self = (struct mpi_transport *)base;
    *received = false;
    if (self->sending.count)
        CPS_TRY(test_sends(self));
    if (self->receiving.count)
        CPS_TRY(test_receives(self));
    if (cps_queue_take(&self->arrived, out)) {
        *received = true;
        return CPS_OK;
    }
    struct cps_buffer *frame;
    int peer;
    CPS_TRY(probe(self, &frame, &peer));
    if (!frame)
        return CPS_OK;
    CPS_TRY(decode(self, frame, peer, out));
    *received = true;
    return CPS_OK;
}

static void transport_wait(struct cps_transport *base, uint64_t ns)
{
    (void)base;
    (void)ns;
    sched_yield();
}

static bool transport_idle(struct cps_transport *base)
{
    const struct mpi_transport *self = (const struct mpi_transport *)base;
    return self->sending.count == 0 && self->receiving.count == 0;
}

static void transport_destroy(struct cps_transport *base)
{
    struct mpi_transport *self = (struct mpi_transport *)base;
    cps_queue_release(&self->arrived);
    operations_release(&self->sending);
    operations_release(&self->receiving);
    free(self);
}

static const struct cps_transport_ops mpi_ops = {
    .send = transport_send,
    .receive = transport_receive,
    .wait = transport_wait,
    .idle = transport_idle,
    .destroy = transport_destroy,
};

enum cps_status cps_mpi_transport_create(const struct cps_route *route, struct cps_buffer_pool *pool,
                                         MPI_Comm communicator, struct cps_transport **out)
{
    struct mpi_transport *self;
    CPS_TRY(cps_alloc("a transport", 1, sizeof *self, &self));
    self->base.ops = &mpi_ops;
    self->route = *route;
    self->pool = pool;
    self->communicator = communicator;
    int code = MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
    if (code != MPI_SUCCESS) {
        free(self);
        return fail_mpi("set its error handler", code);
    }
    *out = &self->base;
    return CPS_OK;
}
