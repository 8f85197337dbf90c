/*
 * A network in memory for simulated jobs: frames in flight, and a seeded schedule that decides which arrives
 * next, and which are lost, duplicated, refused, cut off or delayed. The program's own channels
 * (common/drive/links.h) must recover from that.
 */
#ifndef CPS_TESTS_SIMULATION_NETWORK_H
#define CPS_TESTS_SIMULATION_NETWORK_H

#include "common/net/message.h"

/* Probabilities per frame or delivery. */
struct cps_simulated_faults {
    double duplicates; /* a delivered frame is delivered again later */
    double drops;      /* a frame is lost */
    double refusals;   /* the transport refuses a frame */
    double resets;     /* at a delivery: all frames in flight between two nodes are lost */
    double cuts;       /* at a delivery: the same, and nothing is delivered between them for 100 ms */
    double stalls;     /* at a delivery: a node is stopped for up to half a second */
};

struct cps_network {
    uint64_t seed; /* 0: deliver in the order of sending, without faults */
    struct cps_simulated_faults faults;
    uint32_t nodes;
    struct cps_message *frames; /* in flight */
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

/* Draws a random number of the schedule. */
uint64_t cps_network_draw(struct cps_network *self);

/* The transmit function of struct cps_links; its context is the network. */
enum cps_status cps_network_transmit(void *network, const struct cps_message *frame, bool *sent);

/* The next frame to arrive; false if none can arrive now. Time passes, and faults occur. */
bool cps_network_next(struct cps_network *self, struct cps_message *out);

static inline bool cps_network_stalled(const struct cps_network *self, uint32_t node)
{
    return self->stalled_until[node] > self->now_ns;
}

#endif
