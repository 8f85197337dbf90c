/*
 * Where a role puts what it wants to say. It stamps sender, run and sequence; the
 * driver takes the messages out and moves them.
 */
#ifndef CPS_NET_OUTBOX_H
#define CPS_NET_OUTBOX_H

#include "common/net/message.h"

struct cps_outbox {
    struct cps_buffer_pool *pool; /* for payloads; borrowed */
    uint32_t from;
    uint64_t run_id;
    uint32_t nodes;
    uint64_t *next_sequence; /* [nodes] */
    struct cps_message *messages;
    size_t count, capacity;
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

#endif
