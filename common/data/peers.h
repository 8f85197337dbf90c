/*
 * What the ranks of a job do together while they read a set: common/cluster does it over MPI; a process
 * alone needs none of it.
 *
 * All of it is collective, and has a deadline.
 */
#ifndef CPS_DATA_PEERS_H
#define CPS_DATA_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_peers {
    uint32_t rank, ranks;
    bool first_host; /* this rank is on the host of rank 0 */
    void *context;

    /* Everybody's bytes to everybody: rank r's are (*all)[starts[r] .. starts[r+1]), starts having ranks + 1
     * entries. *all is the caller's to free. */
    enum cps_status (*gather)(void *context, const void *own, uint64_t bytes, char **all, uint64_t *starts);

    /* Everybody's records of CPS_PEERS_RECORD_BYTES to rank root, in the order of the ranks: *all is root's to
     * free, and NULL elsewhere. */
    enum cps_status (*collect)(void *context, uint32_t root, const void *own, uint64_t records, void **all,
                               uint64_t *count);

    /* Everybody gets the error of the lowest rank that has one, or CPS_OK. */
    enum cps_status (*agree)(void *context, enum cps_status status);
};

#define CPS_PEERS_RECORD_BYTES 16

#endif
