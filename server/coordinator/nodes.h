/*
 * The coordinator's view of each node: whether it has sent HELLO and READY, how far a
 * worker's reports reach, and when it was last heard from.
 */
#ifndef CPS_SERVER_COORDINATOR_NODES_H
#define CPS_SERVER_COORDINATOR_NODES_H

#include "common/drive/role.h"
#include "common/net/route.h"

struct cps_nodes {
    const struct cps_plan *plan;
    const struct cps_route *route; /* for the names of nodes in errors; NULL: plain ones */
    uint32_t count;                /* with the coordinator, node 0 */
    uint32_t greeted, ready;       /* how many are */
    uint64_t now_ns, timeout_ns;   /* timeout 0: silence is no error */
    struct cps_node_heard {
        bool greeted, ready;
        uint64_t steps;    /* reported, of a worker */
        uint32_t epochs;   /* whose validation it reported */
        uint64_t heard_ns; /* when it last said anything; 0 before the first tick */
    } * heard;             /* [count] */
};

/* plan is borrowed. */
enum cps_status cps_nodes_init(struct cps_nodes *self, const struct cps_plan *plan, uint64_t timeout_ns);
void cps_nodes_release(struct cps_nodes *self);

/* Marks everything before step, and the validation of `epochs` epochs, as reported by all workers. */
void cps_nodes_begin_at(struct cps_nodes *self, uint64_t step, uint32_t epochs);

/* Notes that node sent a message. */
static inline void cps_nodes_hear(struct cps_nodes *self, uint32_t node)
{
    self->heard[node].heard_ns = self->now_ns;
}

/* Notes HELLO or READY from node; false for a duplicate. */
bool cps_nodes_greet(struct cps_nodes *self, uint32_t node);
bool cps_nodes_make_ready(struct cps_nodes *self, uint32_t node);

static inline bool cps_nodes_all_greeted(const struct cps_nodes *self)
{
    return self->greeted == self->count - 1;
}

static inline bool cps_nodes_all_ready(const struct cps_nodes *self)
{
    return self->ready == self->count - 1;
}

/* Takes in how far a worker's report reaches. CPS_ERR_PEER unless it reports every step once, in order, none
 * before it is granted, and an epoch's validation once all its steps are reported. A worker may begin a step
 * as soon as it is granted, however late others report, so the last granted step is the only limit. */
enum cps_status cps_nodes_report(struct cps_nodes *self, const struct cps_message *message, uint64_t granted);

/* Fails with CPS_ERR_PEER when a node exceeds the peer timeout. */
enum cps_status cps_nodes_on_tick(struct cps_nodes *self, uint64_t now_ns);

/* The first node whose HELLO, or else READY, is missing; there must be one. */
void cps_nodes_await_start(const struct cps_nodes *self, struct cps_awaited *out);

/* The worker that delays epoch: the one with the fewest steps, or without a validation loss. */
void cps_nodes_await_reports(const struct cps_nodes *self, uint32_t epoch, struct cps_awaited *out);

#endif
