/*
 * Messages over ZeroMQ: between processes of one host through Unix sockets in folders of their user's (ipc),
 * between hosts through TCP, encrypted with keys of the run (curve.h), or else with a password for each
 * connection (gate.h) and a code for each frame (secret.h). Made in two steps, because a rank must have bound
 * its endpoint before another may learn of it:
 *
 *     cps_zmq_transport_bind(&options, &transport, endpoint);
 *     ... every rank's endpoint is gathered ...
 *     cps_zmq_transport_connect(transport, endpoints);
 */
#ifndef CPS_NET_ZMQ_TRANSPORT_H
#define CPS_NET_ZMQ_TRANSPORT_H

#include "common/net/curve.h"
#include "common/net/gate.h"
#include "common/net/route.h"
#include "common/net/secret.h"
#include "common/net/transport.h"

struct cps_zmq_options {
    struct cps_route route;
    struct cps_buffer_pool *pool; /* borrowed: what is received lives in it */
    const uint8_t *key;           /* [CPS_SECRET_BYTES], of the run */
    size_t most_bytes;            /* that a payload may have; 0: any */
    uint64_t patience_ns; /* of tcp: a connection that carries nothing is renewed well within it; 0: never */
    /* Of tcp: the public keys of all ranks [ranks], and this one's secret one; NULL: not encrypted. The secret
     * one is copied by ZeroMQ, the public ones are borrowed. */
    const struct cps_curve_key *public_keys, *secret_key;
    bool tcp;            /* else ipc */
    const char *address; /* of tcp: see cps_interface_address() */
    uint32_t base_port;  /* of tcp: rank r takes base_port + r; 0: any free port */
};

/* Binds. endpoint is what higher ranks connect to. CPS_ERR_USAGE when the port is taken or
 * the address is not this host's. */
enum cps_status cps_zmq_transport_bind(const struct cps_zmq_options *options, struct cps_transport **out,
                                       char endpoint[CPS_ENDPOINT_BYTES]);

/* Connects to the lower ranks, without waiting for them. endpoints: [route.ranks]. */
enum cps_status cps_zmq_transport_connect(struct cps_transport *self,
                                          const char (*endpoints)[CPS_ENDPOINT_BYTES]);

/* Waits until all lower ranks have let this one in, for timeout_ns at most; *missing is the first that has not,
 * or route.ranks. Over ipc nobody is waited for. */
void cps_zmq_transport_await(struct cps_transport *self, uint64_t timeout_ns, uint32_t *missing);

/* Connections over tcp that were not let in. */
struct cps_gate_counts cps_zmq_transport_turned_away(const struct cps_transport *self);

/* Messages dropped because they came from no rank of this run, were damaged or forged, or were for nobody
 * here. */
uint64_t cps_zmq_transport_strangers(const struct cps_transport *self);

#endif
