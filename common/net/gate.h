/*
 * Authenticates connections to this rank: answers ZeroMQ's authentication requests (ZAP, RFC 27) of one
 * context. A connection is admitted if it has the key of a rank of this run (CURVE) or, without encryption, the
 * name of a rank for connections to this one (PLAIN); any other is rejected before it can send a message. The
 * rank becomes the user of the connection, so that no rank can impersonate another. Runs on its own thread,
 * since requests arrive while the rank computes.
 */
#ifndef CPS_NET_GATE_H
#define CPS_NET_GATE_H

#include <stdbool.h>

#include "common/base/status.h"
#include "common/net/curve.h"
#include "common/net/door.h"
#include "common/net/secret.h"

struct cps_gate; /* opaque */

/* The credentials to accept: one for each rank. */
struct cps_gate_list {
    const struct cps_secret_name *names; /* PLAIN; used if keys is NULL */
    const struct cps_curve_key *keys;    /* CURVE */
    uint32_t ranks;
    const char *owner;  /* "rank 3 on 'host'", for the log */
    uint32_t half_open; /* largest number of simultaneous incomplete handshakes */
    uint32_t handshake_ms;
};

/* Connections that were not admitted. */
struct cps_gate_counts {
    uint64_t turned_away; /* no key, a wrong key, another protocol, or a timeout */
    uint64_t crowded_out; /* of these: half-open ones closed to make room for others */
};

/* Starts authentication in context with list, whose arrays are borrowed. Call it before making the first socket
 * of context, which is the only one to give to cps_gate_guard(). */
enum cps_status cps_gate_open(void *context, const struct cps_gate_list *list, struct cps_gate **out);

/* Watches the connections of socket. Call it before binding. False on failure. */
bool cps_gate_guard(void *socket);

/* Starts to record which of endpoints[count] have admitted this rank. Call it before connecting. */
enum cps_status cps_gate_expect(struct cps_gate *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t count);

/* Whether endpoint number index has admitted this rank. */
bool cps_gate_reached(const struct cps_gate *self, uint32_t index);

struct cps_gate_counts cps_gate_count(const struct cps_gate *self);

/* Joins the gate's thread, which ends once every other socket of context is closed and zmq_ctx_shutdown() has
 * been called. */
void cps_gate_close(struct cps_gate **self);

#endif
