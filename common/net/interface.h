/* Which address of this host other hosts should reach it by. */
#ifndef CPS_NET_INTERFACE_H
#define CPS_NET_INTERFACE_H

#include <stdbool.h>

#include "common/base/status.h"

#define CPS_ADDRESS_BYTES 64
#define CPS_INTERFACE_NAME_BYTES 16

/*
 * The numeric address, IPv4 or IPv6, to bind. wanted is the name of an interface, a network (CIDR) or
 * an address; or NULL: the loopback when all ranks share one host, else the interface of
 * the default route, else any that is up. CPS_ERR_USAGE when there is none such.
 */
enum cps_status cps_interface_address(const char *wanted, bool one_host, char out[CPS_ADDRESS_BYTES]);

/* The interface of the IPv4 default route, "" when there is none. */
void cps_interface_default(char name[CPS_INTERFACE_NAME_BYTES]);

#endif
