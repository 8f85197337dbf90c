/*
 * Tracks the connections of a rank's socket until their handshake is complete, from the events of ZeroMQ's
 * monitor.
 *
 * - A connection that has not shown who it is (a half-open one) costs a file and some memory until its
 * handshake times out. There are no more than `most` of them at a time: one more closes the oldest that has
 * said little.
 * - Connections that came and never shook hands are counted: strangers, or a port scan.
 * - A connection of our own that is shaken hands with tells that the peer can be reached.
 *
 * Only the gate's thread calls this (gate.h); any thread may read the counters.
 */
#ifndef CPS_NET_DOOR_H
#define CPS_NET_DOOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

#define CPS_ENDPOINT_BYTES 128

struct cps_door {
    void *events;            /* the monitor's other end */
    struct cps_caller *half; /* [most]: connections whose handshake may be under way */
    uint32_t count, most;
    uint64_t patience_ns; /* time by which ZeroMQ has completed or abandoned a handshake */
    atomic_uint_fast64_t came, let_in, failed,
        crowded_out; /* failed: those of came reported failed by ZeroMQ */
    /* Outgoing connections of this rank. */
    char (*endpoints)[CPS_ENDPOINT_BYTES]; /* [targets] */
    uint32_t targets;
    atomic_bool *reached; /* [targets] */
};

/* Prepares to receive the events of one socket of context, to be given to cps_door_watch(); at most `most` of
 * its connections may be half-open at a time. handshake_ms is the socket's own limit. */
enum cps_status cps_door_open(struct cps_door *self, void *context, uint32_t most, uint32_t handshake_ms);

/* Makes socket report its events. Call it before binding; any thread may. False on failure. */
bool cps_door_watch(void *socket);

/* Starts to record which of the `targets` endpoints have been reached. Call it before connecting to them. */
enum cps_status cps_door_expect(struct cps_door *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t targets);

/* Handles the next event, which must be pending. False if the context is terminating. */
bool cps_door_note(struct cps_door *self);

/* Closes what belongs to the thread that notes events; what was noted stays. */
void cps_door_stop(struct cps_door *self);

/* Releases the rest, once that thread has ended. */
void cps_door_close(struct cps_door *self);

#endif
