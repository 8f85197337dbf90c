/*
 * Waiting of a rank without work: spinning, in naps of growing length, or asleep in its control socket.
 *
 * A step's answer comes within microseconds to a millisecond, and waking a sleeper costs tens of them, so a
 * rank that moves rows first spins, giving its core to any other process on every turn, and sleeps when
 * nothing came for a while. The coordinator, which is only told of every so many steps, sleeps at once.
 * Measured with 3 servers, 4 workers and a coordinator on two busy cores, 4 kB each way: 90 to 160 us a step
 * over mpi, of which looking at control every turn would add 60; 1.1 to 1.9 ms over ipc, however long the
 * spin.
 *
 * If ranks far outnumber the processors, a rank that can be woken sleeps at once: its processor has other work,
 * and a spinning rank takes a turn from a rank that has a message. On two cores spinning over tcp is faster up
 * to five ranks (by a fifth with two), and slower by an eighth with eight.
 */
#ifndef CPS_DRIVE_REST_H
#define CPS_DRIVE_REST_H

#include "common/net/transport.h"

struct cps_rest {
    struct cps_transport *control, *bulk; /* borrowed; may be NULL */
    bool quiet;                           /* only the coordinator lives here */
    bool crowded;                         /* ranks far outnumber the processors of this host */
    uint64_t active_ns, nap_ns;
    uint32_t turns;
};

void cps_rest_init(struct cps_rest *self, struct cps_transport *control, struct cps_transport *bulk, bool quiet,
                   bool crowded);

/* Notes that a message was handled at now_ns. */
void cps_rest_active(struct cps_rest *self, uint64_t now_ns);

/* Whether to look at control in this turn, which is a system call; to look at mpi's queues is none. */
bool cps_rest_control_due(struct cps_rest *self, uint64_t now_ns);

/* Waits because there was no work, at most longest_ns. */
void cps_rest_wait(struct cps_rest *self, uint64_t now_ns, uint64_t longest_ns);

#endif
