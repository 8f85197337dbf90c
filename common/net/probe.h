/*
 * How two hosts reach each other over TCP: whether at all, the round trip and the rate, measured between a rank
 * that waits (serves) and one that calls. No ZeroMQ: what is looked at is the network beneath it. Every wait
 * ends.
 *
 * A caller shows the token of the run first; whoever does not is dropped. Nothing but zeros is moved.
 */
#ifndef CPS_NET_PROBE_H
#define CPS_NET_PROBE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/net/interface.h"

/* A plain struct that travels as it is. */
struct cps_probe_result {
    int32_t error;     /* errno of what failed; 0: reached */
    uint32_t round_us; /* the shortest of several */
    uint64_t bytes_per_s;
};

/* Listens on address, at port or (0) any; *out is the file, *taken the port. CPS_ERR_USAGE. */
enum cps_status cps_probe_listen(const char *address, uint16_t port, int *out, uint16_t *taken);

/* Serves callers with token until one has been served or timeout_ns have passed. */
void cps_probe_serve(int listener, uint64_t token, uint64_t timeout_ns);

/* Calls the one who serves at address and port. */
struct cps_probe_result cps_probe_call(const char *address, uint16_t port, uint64_t token, uint64_t timeout_ns);

#endif
