/* This host, and the processors this process may use. */
#ifndef CPS_CLUSTER_HOST_H
#define CPS_CLUSTER_HOST_H

#include <stddef.h>

/* The host's name. */
void cps_host_name(char *out, size_t bytes);

/* A string that two processes have in common if and only if they can reach each other by
 * ipc: they share the kernel's boot and the network namespace. */
void cps_host_identity(char *out, size_t bytes);

/* Lifts a launcher's binding to one core, which would starve the threads beside the main one, for all
 * threads started from now on. Returns how many processors are allowed now. */
int cps_host_widen_affinity(void);

#endif
