/*
 * Selects a network interface. A cluster host often has several, some of them slow or without a route to the
 * other hosts, so the user may choose one; the default is that of the default route.
 */
#include "common/net/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

/* A network: an address family and a prefix of an address. */
struct network {
    int family;
    uint8_t address[16];
    uint32_t bits;
};

static const void *address_of(const struct sockaddr *socket_address)
{
    if (socket_address->sa_family == AF_INET)
        return &((const struct sockaddr_in *)(const void *)socket_address)->sin_addr;
    return &((const struct sockaddr_in6 *)(const void *)socket_address)->sin6_addr;
}

/* Parses "10.1.0.0/16", or a single address. */
static bool parse_network(const char *text, struct network *out)
{
    char address[CPS_ADDRESS_BYTES];
    size_t length = strcspn(text, "/");
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (inet_pton(AF_INET, address, out->address) == 1)
        out->family = AF_INET;
    else if (inet_pton(AF_INET6, address, out->address) == 1)
        out->family = AF_INET6;
    else
        return false;
    uint64_t most = out->family == AF_INET ? 32 : 128, bits = most;
    if (text[length] == '/' && (!cps_text_to_u64(text + length + 1, &bits) || bits > most))
        return false;
    out->bits = (uint32_t)bits;
    return true;
}

static bool network_holds(const struct network *network, const struct sockaddr *socket_address)
{
    if (socket_address->sa_family != network->family)
        return false;
    const uint8_t *address = address_of(socket_address);
    uint32_t bytes = network->bits / 8, rest = network->bits % 8;
    if (memcmp(address, network->address, bytes) != 0)
        return false;
    return rest == 0 || ((address[bytes] ^ network->address[bytes]) >> (8 - rest)) == 0;
}

_Static_assert(CPS_INTERFACE_NAME_BYTES == IF_NAMESIZE, "as long as the kernel's");

void cps_interface_default(char name[CPS_INTERFACE_NAME_BYTES])
{
    name[0] = '\0';
    FILE *routes = fopen("/proc/net/route", "re");
    if (!routes)
        return;
    char line[256], interface[IF_NAMESIZE];
    unsigned long destination;
    while (fgets(line, sizeof line, routes))
        if (sscanf(line, "%15s %lx", interface, &destination) == 2 && destination == 0) {
            memcpy(name, interface, sizeof interface);
            break;
        }
    fclose(routes);
}

/* The preference for an address if only its interface, or nothing, was requested; 0 if unusable. */
static int merit(const struct ifaddrs *entry, const char *wanted, const char *default_name)
{
    const struct sockaddr *address = entry->ifa_addr;
    if (!address || !(entry->ifa_flags & IFF_UP))
        return 0;
    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)address_of(address)))
        return 0;
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return 0;
    if (wanted ? strcmp(entry->ifa_name, wanted) != 0 : (entry->ifa_flags & IFF_LOOPBACK) != 0)
        return 0;
    return 1 + (address->sa_family == AF_INET) + 2 * (strcmp(entry->ifa_name, default_name) == 0);
}

static const struct ifaddrs *choose(const struct ifaddrs *entries, const char *wanted)
{
    struct network network;
    bool by_network = wanted && parse_network(wanted, &network);
    char default_name[IF_NAMESIZE];
    cps_interface_default(default_name);
    const struct ifaddrs *best = NULL;
    int best_merit = 0;
    for (const struct ifaddrs *entry = entries; entry; entry = entry->ifa_next) {
        int score = by_network ? entry->ifa_addr && network_holds(&network, entry->ifa_addr)
                               : merit(entry, wanted, default_name);
        if (score > best_merit) {
            best = entry;
            best_merit = score;
        }
    }
    return best;
}

enum cps_status cps_interface_address(const char *wanted, bool one_host, char out[CPS_ADDRESS_BYTES])
{
    if (!wanted && one_host) {
        strcpy(out, "127.0.0.1");
        return CPS_OK;
    }
    struct ifaddrs *entries;
    if (getifaddrs(&entries) != 0)
        return cps_fail(CPS_ERR_INTERNAL, "cannot list the network interfaces: %s", strerror(errno));
    const struct ifaddrs *best = choose(entries, wanted);
    if (best)
        inet_ntop(best->ifa_addr->sa_family, address_of(best->ifa_addr), out, CPS_ADDRESS_BYTES);
    freeifaddrs(entries);
    if (best)
        return CPS_OK;
    if (!wanted)
        return cps_fail(CPS_ERR_USAGE, "no network interface is up besides the loopback");
    return cps_hint(
        cps_fail(CPS_ERR_USAGE, "no interface of this host is, or has an address in, '%s'", wanted),
        "'ip -brief address' lists them; --interface takes a name, or a network such as 10.1.0.0/16");
}
