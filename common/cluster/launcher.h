/*
 * Detects the launcher of this process from the environment. Works before MPI is started, so that
 * --help can print on one rank only, and so that a launcher unknown to our MPI is
 * noticed: otherwise it would start n runs of one rank each.
 */
#ifndef CPS_CLUSTER_LAUNCHER_H
#define CPS_CLUSTER_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_launcher {
    const char *name; /* "mpirun", …; NULL: the process was started by itself */
    uint32_t rank;
    uint32_t ranks; /* 1 without a launcher, 0 where it does not say */
    bool mpi;       /* MPI is to be started, and finds the others */
};

struct cps_launcher cps_launcher_find(void);

/* Checks that MPI sees (`seen`, 1 if it was not started) all ranks that the launcher started. CPS_ERR_USAGE if
 * not. */
enum cps_status cps_launcher_check(const struct cps_launcher *self, uint32_t seen);

/* Whether the launcher says that all ranks are on this host. */
bool cps_launcher_is_local(void);

#endif
