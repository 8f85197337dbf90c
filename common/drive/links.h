/*
 * The channels of one node to all remote nodes: they send its role's messages, and deliver received ones
 * once and in order. The driver and the simulator share this code.
 */
#ifndef CPS_DRIVE_LINKS_H
#define CPS_DRIVE_LINKS_H

#include "common/drive/channel.h"

/* Gives *frame, whose payload is borrowed, to a transport. *sent is false if it cannot be sent now. */
typedef enum cps_status (*cps_links_transmit)(void *context, const struct cps_message *frame, bool *sent);

struct cps_links {
    uint32_t node, nodes;
    uint64_t run_id;
    struct cps_channel *channels; /* [nodes] */
    cps_links_transmit transmit;
    void *context;      /* of transmit; borrowed */
    uint64_t strangers; /* frames of another run */
    uint64_t progress;  /* messages that the node has handled, as its heartbeats say; kept by the driver */
    bool refused;       /* a transport did not accept a frame: flush soon */
};

/* For node of nodes, started incarnation times before. patience_ns: how long a frame waits for its
 * acknowledgement before it is sent again. */
enum cps_status cps_links_init(struct cps_links *self, uint32_t node, uint32_t nodes, uint64_t run_id,
                               uint32_t incarnation, uint64_t patience_ns);
void cps_links_release(struct cps_links *self);

/* Changes the retransmission timeout for node peer; call it before anything is sent. */
void cps_links_set_patience(struct cps_links *self, uint32_t peer, uint64_t patience_ns);

/* Limits the growing retransmission timeout to longest_ns, or the patience if that is longer. */
void cps_links_limit_timeout(struct cps_links *self, uint64_t longest_ns);

/* Sends *message, taking over its payload. */
enum cps_status cps_links_send(struct cps_links *self, struct cps_message *message, uint64_t now_ns);

/* Sends the last message of a node to the coordinator, or of the coordinator to a node, in its reserved place;
 * does not allocate. */
enum cps_status cps_links_send_last(struct cps_links *self, struct cps_message *message, uint64_t now_ns);

/* Sends a HEARTBEAT to node peer. */
enum cps_status cps_links_heartbeat(struct cps_links *self, uint32_t peer);

/* Whether this node has exchanged messages with peer. */
bool cps_links_in_touch(const struct cps_links *self, uint32_t peer);

/* As cps_channel_receive(); *message is for this node. */
enum cps_status cps_links_receive(struct cps_links *self, struct cps_message *message, uint64_t now_ns,
                                  bool *ready);

/* As cps_channel_early(), of what peer sent. */
bool cps_links_early(struct cps_links *self, uint32_t peer, struct cps_message *out);

/* Retries frames that a transport refused. */
enum cps_status cps_links_flush(struct cps_links *self, uint64_t now_ns);

/* Retransmits frames whose timeout has expired, and sends acknowledgements that are due. Call about every 10
 * ms. */
enum cps_status cps_links_tick(struct cps_links *self, uint64_t now_ns);

/* Sends all acknowledgements at once, before this node stops sending for good. */
enum cps_status cps_links_acknowledge(struct cps_links *self);

/* True when every frame to every peer has been acknowledged. */
bool cps_links_settled(const struct cps_links *self);

/* Sums the retransmitted and the discarded frames over all peers. */
void cps_links_count(const struct cps_links *self, uint64_t *repeated, uint64_t *dropped);

#endif
