/*
 * Who may open a connection to this rank: the answer to ZeroMQ's authentication requests (ZAP, RFC 27) of one
 * context. Let in is who has the key of a rank of this run (CURVE), or where nothing is encrypted the name that
 * a rank has for connections to us (PLAIN); who has neither is turned away before it has said anything. The
 * rank becomes the user of the connection, so that no rank can speak for another. A thread of its own, since
 * requests come while the rank computes.
 */
#ifndef CPS_NET_GATE_H
#define CPS_NET_GATE_H

#include <stdbool.h>

#include "common/base/status.h"
#include "common/net/curve.h"
#include "common/net/door.h"
#include "common/net/secret.h"

struct cps_gate; /* opaque */

/* What opens the gate: one of them for each rank. */
struct cps_gate_list {
    const struct cps_secret_name *names; /* PLAIN; looked at where keys is NULL */
    const struct cps_curve_key *keys;    /* CURVE */
    uint32_t ranks;
    const char *owner;  /* "rank 3 on 'host'", for the log */
    uint32_t half_open; /* connections that may be at their handshake at a time */
    uint32_t handshake_ms;
};

/* Connections that did not come in. */
struct cps_gate_counts {
    uint64_t turned_away; /* had no key or the wrong one, spoke another protocol, or not in time */
    uint64_t crowded_out; /* of these: closed, half-open, to make room for others */
};

/* Opens the gate of context to those on list, whose arrays are borrowed. Before the first socket of context is
 * made; that one, and no other, is given to cps_gate_guard(). */
enum cps_status cps_gate_open(void *context, const struct cps_gate_list *list, struct cps_gate **out);

/* Watches the connections of socket. Before it is bound. False when it cannot. */
bool cps_gate_guard(void *socket);

/* From now on takes note of which endpoints [count] have let this rank in. Before it connects. */
enum cps_status cps_gate_expect(struct cps_gate *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t count);

/* Whether endpoint number index has. */
bool cps_gate_reached(const struct cps_gate *self, uint32_t index);

struct cps_gate_counts cps_gate_count(const struct cps_gate *self);

/* Waits for its thread, which ends once every other socket of context is closed and zmq_ctx_shutdown() was
 * called. */
void cps_gate_close(struct cps_gate **self);

#endif
