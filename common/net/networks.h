/*
 * Selects the network that all hosts of a job share. A host may have several interfaces, some of them isolated
 * (a bridge of containers or virtual machines, with the same address on every host) or slow; ranks exchange
 * their lists of networks, and all choose by the same rule:
 *
 *     of the networks of rank 0, in the order of its interfaces with that of the default route first,
 *     the first in which every host has an address, and no two hosts have the same one; IPv4 before IPv6.
 */
#ifndef CPS_NET_NETWORKS_H
#define CPS_NET_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/net/interface.h"

#define CPS_NETWORK_BYTES 72 /* "fd00:1::/64" with its NUL */
#define CPS_NETWORKS_MOST 16

/* Sent between ranks as its bytes. */
struct cps_networks {
    uint32_t count;
    struct cps_network_entry {
        uint8_t version; /* 4 or 6 */
        uint8_t bits;    /* of the prefix */
        uint8_t address[16];
    } entries[CPS_NETWORKS_MOST];
};

/* Lists the networks of this host's interfaces that are up, except loopback and link-local addresses. */
enum cps_status cps_networks_find(struct cps_networks *out);

/* Selects the network shared by all hosts and the address of rank in it; false if there is none. all[ranks] are
 * the networks of all ranks; host_of[ranks] numbers their hosts. */
bool cps_networks_choose(const struct cps_networks *all, const uint32_t *host_of, uint32_t ranks, uint32_t rank,
                         char address[CPS_ADDRESS_BYTES], char network[CPS_NETWORK_BYTES]);

#endif
