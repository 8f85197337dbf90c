/*
 * The channels of one node to all nodes elsewhere: what its role says goes out here, and what comes in here
 * is handed on once and in order. The driver and the simulator move a node's messages by this same code.
 */
#ifndef CPS_DRIVE_LINKS_H
#define CPS_DRIVE_LINKS_H

#include "common/drive/channel.h"

/* Hands *frame, whose payload is borrowed, to a transport. *sent false: not possible now. */
typedef enum cps_status (*cps_links_transmit)(void *context, const struct cps_message *frame, bool *sent);

struct cps_links {
    uint32_t node, nodes;
    uint64_t run_id;
    struct cps_channel *channels; /* [nodes] */
    cps_links_transmit transmit;
    void *context;      /* of transmit; borrowed */
    uint64_t strangers; /* frames of another run */
    uint64_t progress;  /* messages that the node has handled, as its heartbeats say; kept by the driver */
    bool refused;       /* a transport would not take a frame: flush soon */
};

/* For node of nodes, started incarnation times before. patience_ns: how long a frame waits for its
 * acknowledgement before it is sent again. */
enum cps_status cps_links_init(struct cps_links *self, uint32_t node, uint32_t nodes, uint64_t run_id,
                               uint32_t incarnation, uint64_t patience_ns);
void cps_links_release(struct cps_links *self);

/* Another patience for the frames to and from node peer, before anything is sent. */
void cps_links_set_patience(struct cps_links *self, uint32_t peer, uint64_t patience_ns);

/* However often it was in vain, frames are sent again after longest_ns, or the patience if that is longer. */
void cps_links_limit_timeout(struct cps_links *self, uint64_t longest_ns);

/* Sends *message, taking over its payload. */
enum cps_status cps_links_send(struct cps_links *self, struct cps_message *message, uint64_t now_ns);

/* Sends the last message of a node to the coordinator, or of the coordinator to a node, for which a place was
 * set aside: needs no memory. */
enum cps_status cps_links_send_last(struct cps_links *self, struct cps_message *message, uint64_t now_ns);

/* Says a HEARTBEAT to node peer. */
enum cps_status cps_links_heartbeat(struct cps_links *self, uint32_t peer);

/* True when this node has had to do with peer. */
bool cps_links_in_touch(const struct cps_links *self, uint32_t peer);

/* As cps_channel_receive(); *message is for this node. */
enum cps_status cps_links_receive(struct cps_links *self, struct cps_message *message, uint64_t now_ns,
                                  bool *ready);

/* As cps_channel_early(), of what peer sent. */
bool cps_links_early(struct cps_links *self, uint32_t peer, struct cps_message *out);

/* Sends what a transport refused before. */
enum cps_status cps_links_flush(struct cps_links *self, uint64_t now_ns);

/* Sends again what was not acknowledged in time, and acknowledges what is due. Call about every 10 ms. */
enum cps_status cps_links_tick(struct cps_links *self, uint64_t now_ns);

/* Acknowledges at once whatever came: before this node falls silent for good. */
enum cps_status cps_links_acknowledge(struct cps_links *self);

/* True when every frame to every peer has been acknowledged. */
bool cps_links_settled(const struct cps_links *self);

/* Frames sent again, and frames that were of no use, over all peers. */
void cps_links_count(const struct cps_links *self, uint64_t *repeated, uint64_t *dropped);

#endif
