/*
 * A network in memory for simulated jobs: frames under way, and a seeded schedule that decides which arrives
 * next, and what is lost, repeated, refused, cut or held up. It works under the program's own channels
 * (common/drive/links.h), which have to make up for it.
 */
#ifndef CPS_TESTS_SIMULATION_NETWORK_H
#define CPS_TESTS_SIMULATION_NETWORK_H

#include "common/net/message.h"

/* Chances by frame or delivery, from 0 to 1. */
struct cps_simulated_faults {
    double duplicates; /* a delivered frame is delivered again later */
    double drops;      /* a frame is lost */
    double refusals;   /* the transport has no room */
    double resets;     /* at a delivery: all that is under way between two nodes is lost */
    double cuts;       /* and for the next 100 ms, nothing gets through */
    double stalls;     /* at a delivery: a node stands still for up to half a second */
};

struct cps_network {
    uint64_t seed; /* 0: in the order of sending, without faults */
    struct cps_simulated_faults faults;
    uint32_t nodes;
    struct cps_message *frames; /* under way */
    size_t count, capacity;
    uint64_t draws, now_ns;
    uint64_t *stalled_until; /* [nodes] */
    uint32_t cut[2];         /* the two nodes that are cut off from each other */
    uint64_t cut_until;
    uint64_t lost, resets, stalls;
};

enum cps_status cps_network_init(struct cps_network *self, uint64_t seed, uint32_t nodes,
                                 const struct cps_simulated_faults *faults);
void cps_network_release(struct cps_network *self);

/* A number of the schedule. */
uint64_t cps_network_draw(struct cps_network *self);

/* A transmit of struct cps_links, context the network. */
enum cps_status cps_network_transmit(void *network, const struct cps_message *frame, bool *sent);

/* The next frame to arrive; false when none can now. Time passes, and faults happen. */
bool cps_network_next(struct cps_network *self, struct cps_message *out);

static inline bool cps_network_stalled(const struct cps_network *self, uint32_t node)
{
    return self->stalled_until[node] > self->now_ns;
}

#endif
