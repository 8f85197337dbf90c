/*
 * The nodes of one rank: their roles, the messages these send, and their ends.
 *
 *     a message for a node   -> its role -> outbox --+--> queue, for a node of this rank
 *                                                    +--> links, to a node elsewhere
 *     an error of a role     -> the coordinator, here or by FAIL; its own to all, by STOP
 *
 * The driver (driver.h) controls the timing: it receives, ticks and waits.
 */
#ifndef CPS_DRIVE_LOCAL_NODES_H
#define CPS_DRIVE_LOCAL_NODES_H

#include "common/drive/ending.h"
#include "common/drive/links.h"
#include "common/drive/role.h"
#include "common/drive/watch.h"
#include "common/net/route.h"
#include "common/net/transport.h"

struct cps_local_nodes_setup {
    const struct cps_route *route; /* borrowed, as is all else */
    uint64_t run_id;
    struct cps_buffer_pool *pool;
    struct cps_transport *control; /* to other ranks; NULL when there are none */
    struct cps_transport *bulk;    /* rows and pushes to other ranks; NULL: by control */
    uint64_t peer_timeout_ns;      /* 0: wait for ever */
};

struct cps_local_node {
    struct cps_role role;
    struct cps_links links; /* to the nodes elsewhere */
    struct cps_outbox outbox;
    struct cps_watch watch; /* on what its role waits for */
    bool failed;            /* its role returned an error and is not called again */
    bool stopped;           /* and nothing more is expected for it */
};

struct cps_local_nodes {
    struct cps_local_nodes_setup setup;
    struct cps_local_node *nodes; /* [count] */
    uint32_t count;
    uint32_t *local;        /* [route.nodes]: index into nodes; beyond them for nodes elsewhere */
    bool *near;             /* [route.nodes]: whether it is among nodes */
    struct cps_queue queue; /* of messages between them */
    struct cps_transport_counters counters;
    bool stop_sent;     /* by the coordinator, if it lives here */
    uint64_t now_ns;    /* of this turn: the driver's to set */
    uint64_t awake_ns;  /* time this process ran, in which silence is measured; likewise */
    uint64_t heard_ns;  /* when the coordinator was last heard, in that time */
    uint64_t *progress; /* [route.nodes]: messages that each has handled, as it last said */
    struct cps_stopwatch watch;
    struct cps_ending ending;
};

/* Copies roles[count], but borrows what they point to. Release self also after an error. */
enum cps_status cps_local_nodes_init(struct cps_local_nodes *self, const struct cps_local_nodes_setup *setup,
                                     const struct cps_role *roles, uint32_t count);
void cps_local_nodes_release(struct cps_local_nodes *self);

/* The local node with that number, or NULL if it is remote. */
struct cps_local_node *cps_local_node(struct cps_local_nodes *self, uint32_t number);

/* Whether the node neither expects nor will send further messages. */
bool cps_local_node_done(const struct cps_local_node *node);
bool cps_local_nodes_all_done(const struct cps_local_nodes *self);

/* Hands node one message in order, and releases it. */
void cps_local_node_handle(struct cps_local_nodes *self, struct cps_local_node *node,
                           struct cps_message *message);

/* Delivers a received message, once and in order, and releases it. */
enum cps_status cps_local_nodes_deliver(struct cps_local_nodes *self, struct cps_message *message);

/* Completes a call of a role that returned status: sends the messages in its outbox, and ends the role on an
 * error. */
void cps_local_node_settle(struct cps_local_nodes *self, struct cps_local_node *node, enum cps_status status);

/* Ends node for an error of its own, which is told to whom it concerns; every node, for an error of the rank.
 */
void cps_local_node_fail(struct cps_local_nodes *self, struct cps_local_node *node, enum cps_status why);
void cps_local_nodes_fail(struct cps_local_nodes *self, enum cps_status why);
bool cps_local_nodes_all_failed(const struct cps_local_nodes *self);

/* Gives up waiting for answers that can no longer be received; everything has been sent. */
void cps_local_nodes_give_up(struct cps_local_nodes *self);

/* Retransmits, acknowledges, and retries refused frames, also for nodes that are done. */
void cps_local_nodes_tick(struct cps_local_nodes *self);

/* Whether a transport refused a frame; and a retry of just those frames. */
bool cps_local_nodes_refused(const struct cps_local_nodes *self);
void cps_local_nodes_retry(struct cps_local_nodes *self);

#endif
