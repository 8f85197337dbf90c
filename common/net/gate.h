/*
 * Who may open a connection to this rank: the answer to ZeroMQ's authentication requests (ZAP, RFC 27) of one
 * context. Let in is who has the key of a rank of this run (CURVE), or where nothing is encrypted the name that
 * a rank has for connections to us (PLAIN); who has neither is turned away before it has said anything. The
 * rank becomes the user of the connection, so that no rank can speak for another. A thread of its own, since
 * requests come while the rank computes.
 */
#ifndef CPS_NET_GATE_H
#define CPS_NET_GATE_H

#include "common/base/status.h"
#include "common/net/curve.h"
#include "common/net/secret.h"

struct cps_gate; /* opaque */

/* What opens the gate: one of them for each rank. */
struct cps_gate_list {
    const struct cps_secret_name *names; /* PLAIN; looked at where keys is NULL */
    const struct cps_curve_key *keys;    /* CURVE */
    uint32_t ranks;
};

/* Opens the gate of context to those on list, whose arrays are borrowed. Before the first socket of context is
 * bound. */
enum cps_status cps_gate_open(void *context, const struct cps_gate_list *list, struct cps_gate **out);

/* Waits for its thread, which ends once every other socket of context is closed and zmq_ctx_shutdown() was
 * called. */
void cps_gate_close(struct cps_gate **self);

#endif
