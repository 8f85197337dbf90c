/*
 * What started this process, by what it left in the environment. Works before MPI is started, so that
 * --help can speak on one rank alone, and so that a launcher that our MPI does not understand is told from
 * none: it would start n runs of one rank each.
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

/* That MPI, which sees so many ranks (1 when it was not started), sees all that self started. CPS_ERR_USAGE. */
enum cps_status cps_launcher_check(const struct cps_launcher *self, uint32_t seen);

/* Whether the launcher says that all ranks are on this host. */
bool cps_launcher_is_local(void);

#endif
