/* Private helpers of the collectives in this folder. */
#ifndef CPS_CLUSTER_COLLECTIVE_H
#define CPS_CLUSTER_COLLECTIVE_H

#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/cluster/cluster.h"

struct cps_cluster_mpi {
    MPI_Comm collectives; /* for the collectives of this folder alone */
    MPI_Comm rows;        /* for the MPI transport alone */
    uint64_t timeout_ns;
    const volatile sig_atomic_t *interrupted; /* or NULL */
    bool is_first;                            /* rank 0 */
    bool left; /* an interrupted rank no longer waits for a collective: there can be no other one */
};

/* Waits for a started collective, with the cluster's deadline; code is what starting it returned, what names
 * it in errors: "not every rank came to <what>". */
enum cps_status cps_collective_finish(struct cps_cluster *self, const char *what, int code,
                                      MPI_Request *request);

/* The same without sleeps, for one that moves much and to which all ranks have come. */
enum cps_status cps_collective_finish_bulk(struct cps_cluster *self, const char *what, int code,
                                           MPI_Request *request);

#endif
