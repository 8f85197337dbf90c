/*
 * Messages over ZeroMQ: between processes of one host through Unix sockets in private folders of the user
 * (ipc), between hosts through TCP, encrypted with keys of the run (curve.h), or unencrypted with a password
 * per connection (gate.h) and an authentication code per frame (secret.h). Created in two steps, because a rank
 * must bind its endpoint before it can be published:
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
    struct cps_buffer_pool *pool; /* borrowed: for received payloads */
    const uint8_t *key;           /* [CPS_SECRET_BYTES], of the run */
    size_t most_bytes;            /* limit of a payload; 0: none */
    uint64_t patience_ns; /* of tcp: a connection that carries nothing is renewed well within it; 0: never */
    /* tcp: the public keys of all ranks [ranks] and this rank's secret key; NULL: not encrypted. ZeroMQ copies
     * the secret key; the public ones are borrowed. */
    const struct cps_curve_key *public_keys, *secret_key;
    bool tcp;            /* else ipc */
    const char *address; /* tcp: see cps_interface_address() */
    uint32_t base_port;  /* tcp: rank r binds base_port + r; 0: any free port */
};

/* Creates a transport and binds it. endpoint is the address for higher ranks to connect to. CPS_ERR_USAGE if
 * the port is in use or the address is not this host's. */
enum cps_status cps_zmq_transport_bind(const struct cps_zmq_options *options, struct cps_transport **out,
                                       char endpoint[CPS_ENDPOINT_BYTES]);

/* Connects to the lower ranks without waiting for them; endpoints[route.ranks]. */
enum cps_status cps_zmq_transport_connect(struct cps_transport *self,
                                          const char (*endpoints)[CPS_ENDPOINT_BYTES]);

/* Waits until all lower ranks have admitted this one, at most timeout_ns; *missing is the first that has not,
 * or route.ranks. Returns at once over ipc. */
void cps_zmq_transport_await(struct cps_transport *self, uint64_t timeout_ns, uint32_t *missing);

/* The numbers of tcp connections that were rejected. */
struct cps_gate_counts cps_zmq_transport_turned_away(const struct cps_transport *self);

/* The number of messages dropped because they came from outside the run, were damaged or forged, or had an
 * unknown destination. */
uint64_t cps_zmq_transport_strangers(const struct cps_transport *self);

#endif
