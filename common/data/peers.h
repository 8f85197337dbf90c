/*
 * The collective operations used for reading a set, implemented over MPI by common/cluster. A single process
 * needs none of them.
 *
 * All are collective and have a deadline.
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

    /* Allgather of bytes: rank r's are (*all)[starts[r] .. starts[r+1]); starts has ranks + 1
     * entries. The caller frees *all. */
    enum cps_status (*gather)(void *context, const void *own, uint64_t bytes, char **all, uint64_t *starts);

    /* Gathers records of CPS_PEERS_RECORD_BYTES on rank root, in the order of the ranks: root frees *all, which
     * is NULL elsewhere. */
    enum cps_status (*collect)(void *context, uint32_t root, const void *own, uint64_t records, void **all,
                               uint64_t *count);

    /* Returns on every rank the error of the lowest rank that has one, or CPS_OK. */
    enum cps_status (*agree)(void *context, enum cps_status status);
};

#define CPS_PEERS_RECORD_BYTES 16

#endif
