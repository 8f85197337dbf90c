/* The address by which other hosts reach this one. */
#ifndef CPS_NET_INTERFACE_H
#define CPS_NET_INTERFACE_H

#include <stdbool.h>

#include "common/base/status.h"

#define CPS_ADDRESS_BYTES 64
#define CPS_INTERFACE_NAME_BYTES 16

/*
 * Selects the numeric address, IPv4 or IPv6, to bind. wanted is the name of an interface, a network (CIDR) or
 * an address. If it is NULL, selects the loopback if all ranks share one host, else the interface of
 * the default route, else any that is up. CPS_ERR_USAGE if there is none.
 */
enum cps_status cps_interface_address(const char *wanted, bool one_host, char out[CPS_ADDRESS_BYTES]);

/* The interface of the IPv4 default route, "" when there is none. */
void cps_interface_default(char name[CPS_INTERFACE_NAME_BYTES]);

#endif
