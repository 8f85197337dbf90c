/* Interfaces -> networks of this host -> the shared network; see networks.h. */
#include "common/net/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/net/interface.h"

/* ---- the networks of this host ---- */

static uint8_t count_bits(const uint8_t *mask, size_t bytes)
{
    uint8_t bits = 0;
    for (size_t i = 0; i < bytes; i++)
        bits = (uint8_t)(bits + __builtin_popcount(mask[i]));
    return bits;
}

static bool read_entry(const struct ifaddrs *from, struct cps_network_entry *out)
{
    if (!from->ifa_addr || !from->ifa_netmask || !(from->ifa_flags & IFF_UP) || from->ifa_flags & IFF_LOOPBACK)
        return false;
    *out = (struct cps_network_entry){.version = 4};
    if (from->ifa_addr->sa_family == AF_INET) {
        const struct sockaddr_in *address = (const void *)from->ifa_addr,
                                 *mask = (const void *)from->ifa_netmask;
        memcpy(out->address, &address->sin_addr, 4);
        out->bits = count_bits((const uint8_t *)&mask->sin_addr, 4);
        return out->bits < 32;
    }
    if (from->ifa_addr->sa_family != AF_INET6)
        return false;
    const struct sockaddr_in6 *address = (const void *)from->ifa_addr, *mask = (const void *)from->ifa_netmask;
    out->version = 6;
    memcpy(out->address, &address->sin6_addr, 16);
    out->bits = count_bits((const uint8_t *)&mask->sin6_addr, 16);
    return out->bits < 128 && !IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr);
}

/* The place of an entry in the list, which is sorted by it. */
static int place_of(const struct ifaddrs *from, const struct cps_network_entry *entry, const char *default_name)
{
    return (entry->version == 6) * 2 + (strcmp(from->ifa_name, default_name) != 0);
}

static void add_place(struct cps_networks *out, const struct ifaddrs *entries, int place,
                      const char *default_name)
{
    for (const struct ifaddrs *from = entries; from && out->count < CPS_NETWORKS_MOST; from = from->ifa_next) {
        struct cps_network_entry entry;
        if (read_entry(from, &entry) && place_of(from, &entry, default_name) == place)
            out->entries[out->count++] = entry;
    }
}

enum cps_status cps_networks_find(struct cps_networks *out)
{
    struct ifaddrs *entries;
    char default_name[CPS_INTERFACE_NAME_BYTES];
    *out = (struct cps_networks){.count = 0};
    if (getifaddrs(&entries) != 0)
        return cps_fail(CPS_ERR_INTERNAL, "cannot list the network interfaces: %s", strerror(errno));
    cps_interface_default(default_name);
    for (int place = 0; place < 4; place++)
        add_place(out, entries, place, default_name);
    freeifaddrs(entries);
    return CPS_OK;
}

/* ---- the network that all hosts share ---- */

static bool is_in(const struct cps_network_entry *network, const struct cps_network_entry *entry)
{
    uint32_t bytes = network->bits / 8, rest = network->bits % 8;
    if (entry->version != network->version || entry->bits != network->bits ||
        memcmp(entry->address, network->address, bytes) != 0)
        return false;
    return rest == 0 || ((entry->address[bytes] ^ network->address[bytes]) >> (8 - rest)) == 0;
}

static const struct cps_network_entry *find_in(const struct cps_networks *of,
                                               const struct cps_network_entry *network)
{
    for (uint32_t i = 0; i < of->count && i < CPS_NETWORKS_MOST; i++)
        if (is_in(network, &of->entries[i]))
            return &of->entries[i];
    return NULL;
}

/* The first rank on the host of rank. */
static uint32_t first_on_host(const uint32_t *host_of, uint32_t rank)
{
    uint32_t first = 0;
    while (host_of[first] != host_of[rank])
        first++;
    return first;
}

static bool is_shared(const struct cps_networks *all, const uint32_t *host_of, uint32_t ranks,
                      const struct cps_network_entry *network)
{
    for (uint32_t a = 0; a < ranks; a++) {
        const struct cps_network_entry *own = find_in(&all[a], network);
        if (!own)
            return false;
        for (uint32_t b = 0; b < a; b++) {
            const struct cps_network_entry *other = find_in(&all[b], network);
            if (first_on_host(host_of, a) != first_on_host(host_of, b) &&
                memcmp(own->address, other->address, sizeof own->address) == 0)
                return false;
        }
    }
    return true;
}

static void name_network(const struct cps_network_entry *entry, char out[CPS_NETWORK_BYTES])
{
    struct cps_network_entry start = *entry;
    char text[CPS_ADDRESS_BYTES];
    for (uint32_t bit = entry->bits; bit < (entry->version == 4 ? 32u : 128u); bit++)
        start.address[bit / 8] = (uint8_t)(start.address[bit / 8] & ~(0x80u >> bit % 8));
    inet_ntop(entry->version == 4 ? AF_INET : AF_INET6, start.address, text, sizeof text);
    snprintf(out, CPS_NETWORK_BYTES, "%.*s/%u", CPS_NETWORK_BYTES - 6, text, entry->bits);
}

bool cps_networks_choose(const struct cps_networks *all, const uint32_t *host_of, uint32_t ranks, uint32_t rank,
                         char address[CPS_ADDRESS_BYTES], char network[CPS_NETWORK_BYTES])
{
    for (uint32_t i = 0; i < all[0].count && i < CPS_NETWORKS_MOST; i++) {
        const struct cps_network_entry *candidate = &all[0].entries[i];
        if (!is_shared(all, host_of, ranks, candidate))
            continue;
        const struct cps_network_entry *own = find_in(&all[rank], candidate);
        inet_ntop(own->version == 4 ? AF_INET : AF_INET6, own->address, address, CPS_ADDRESS_BYTES);
        name_network(own, network);
        return true;
    }
    network[0] = '\0';
    return false;
}
