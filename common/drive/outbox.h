/*
 * The outgoing messages of a role. The outbox sets their sender and run; the driver takes them out and sends
 * them. A role also declares its current activity here, to which its time is attributed (stopwatch.h).
 */
#ifndef CPS_DRIVE_OUTBOX_H
#define CPS_DRIVE_OUTBOX_H

#include "common/drive/stopwatch.h"
#include "common/net/message.h"

struct cps_outbox {
    struct cps_buffer_pool *pool; /* for payloads; borrowed */
    uint32_t from;
    uint64_t run_id;
    uint32_t nodes;
    const bool *near; /* [nodes]: whether in this process; borrowed; NULL: none is known to be */
    struct cps_message *messages;
    size_t count, capacity;
    struct cps_stopwatch *watch;  /* of the rank; borrowed; NULL: time is not measured */
    uint64_t told_ns[CPS_PHASES]; /* already returned by cps_outbox_spent */
};

/* For node from of nodes. pool is borrowed for the outbox's life. */
enum cps_status cps_outbox_init(struct cps_outbox *self, struct cps_buffer_pool *pool, uint32_t from,
                                uint32_t nodes, uint64_t run_id);

/* Releases the outbox and the messages still in it. */
void cps_outbox_release(struct cps_outbox *self);

/* Appends a zeroed message of a kind for a node, payload of payload_bytes (0: none)
 * ready to be filled. *out is valid until the next add. */
enum cps_status cps_outbox_add(struct cps_outbox *self, enum cps_message_kind kind, uint32_t to,
                               size_t payload_bytes, struct cps_message **out);

/* Drops all messages after the first count. */
void cps_outbox_truncate(struct cps_outbox *self, size_t count);

/* Whether node is in this process: it receives a payload itself, where others receive a copy. */
static inline bool cps_outbox_is_near(const struct cps_outbox *self, uint32_t node)
{
    return self->near && self->near[node];
}

/* Attributes time to phase from now on, until the next enter or the end of the call into the role. */
static inline void cps_outbox_enter(struct cps_outbox *self, enum cps_phase phase)
{
    if (self->watch)
        cps_stopwatch_enter(self->watch, phase);
}

/* The time of the rank by phase since the last call with self, or since the
 * start; zeroes if time is not measured. */
void cps_outbox_spent(struct cps_outbox *self, uint64_t spent_ns[CPS_PHASES]);

#endif
