/*
 * What happens at the door of a rank's socket: connections that come and go before anything is said by them, as
 * ZeroMQ's monitor tells it.
 *
 * - A connection that has not shown who it is (a half-open one) costs a file and some memory until its
 * handshake times out. There are no more than `most` of them at a time: one more closes the oldest that has
 * said little.
 * - Connections that came and never shook hands are counted: strangers, or a port scan.
 * - A connection of our own that is shaken hands with tells that the peer can be reached.
 *
 * The gate's thread alone calls this (gate.h); what is counted may be read by any.
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
    uint64_t patience_ns; /* in which a handshake succeeds or is given up by ZeroMQ */
    atomic_uint_fast64_t came, let_in, failed, crowded_out; /* failed: of came, those ZeroMQ says so of */
    /* Of connections made by this rank. */
    char (*endpoints)[CPS_ENDPOINT_BYTES]; /* [targets] */
    uint32_t targets;
    atomic_bool *reached; /* [targets] */
};

/* Listens to the events of the one socket of context that cps_door_watch() will name; most of its connections
 * may be half-open at a time. handshake_ms is the socket's own limit. */
enum cps_status cps_door_open(struct cps_door *self, void *context, uint32_t most, uint32_t handshake_ms);

/* Lets socket tell its events. Before it is bound; another thread may call it. False when it cannot. */
bool cps_door_watch(void *socket);

/* Makes room to note which of targets endpoints have been reached; before the first of them is connected to. */
enum cps_status cps_door_expect(struct cps_door *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                uint32_t targets);

/* Takes note of the next event, which must be there. False when the context is ending. */
bool cps_door_note(struct cps_door *self);

/* Closes what belongs to the thread that notes events; what was noted stays. */
void cps_door_stop(struct cps_door *self);

/* Releases the rest, once that thread has ended. */
void cps_door_close(struct cps_door *self);

#endif
