/*
 * Who may open a connection to this rank: the answer to ZeroMQ's authentication requests (ZAP, RFC 27) of one
 * context. Who does not give the name that a rank of this run has for connections to us is turned away
 * before it has said anything. A thread of its own, since requests come while the rank computes.
 */
#ifndef CPS_NET_GATE_H
#define CPS_NET_GATE_H

#include "common/base/status.h"
#include "common/net/secret.h"

struct cps_gate; /* opaque */

/* Opens the gate of context to the names, one for each rank, borrowed. Before the first socket of context is
 * bound. */
enum cps_status cps_gate_open(void *context, const struct cps_secret_name *names, uint32_t ranks,
                              struct cps_gate **out);

/* Waits for its thread, which ends once every other socket of context is closed and zmq_ctx_shutdown() was
 * called. */
void cps_gate_close(struct cps_gate **self);

#endif
