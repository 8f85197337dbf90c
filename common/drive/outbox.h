/*
 * Where a role puts what it wants to say. It stamps sender and run; the driver takes the messages out and moves
 * them. A role also says here what it is at, so that its time is booked where it belongs (stopwatch.h).
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
    struct cps_message *messages;
    size_t count, capacity;
    struct cps_stopwatch *watch;  /* of the rank; borrowed; NULL: time is not measured */
    uint64_t told_ns[CPS_PHASES]; /* what cps_outbox_spent has given out */
};

/* For node from of nodes. pool is borrowed for the outbox's life. */
enum cps_status cps_outbox_init(struct cps_outbox *self, struct cps_buffer_pool *pool, uint32_t from,
                                uint32_t nodes, uint64_t run_id);

/* Releases also the messages nobody took. */
void cps_outbox_release(struct cps_outbox *self);

/* Appends a zeroed message of a kind for a node, payload of payload_bytes (0: none)
 * ready to be filled. *out is valid until the next add. */
enum cps_status cps_outbox_add(struct cps_outbox *self, enum cps_message_kind kind, uint32_t to,
                               size_t payload_bytes, struct cps_message **out);

/* Takes back all messages but the first count. */
void cps_outbox_truncate(struct cps_outbox *self, size_t count);

/* From here on, to the end of the call into the role or the next enter, it is at phase. */
static inline void cps_outbox_enter(struct cps_outbox *self, enum cps_phase phase)
{
    if (self->watch)
        cps_stopwatch_enter(self->watch, phase);
}

/* The time of the rank by phase since this was last asked through self, or since the
 * start; zeroes where time is not measured. */
void cps_outbox_spent(struct cps_outbox *self, uint64_t spent_ns[CPS_PHASES]);

#endif
