/* The facts that doctor gathers on each rank about its host: a plain struct, sent as raw bytes. */
#ifndef CPS_DEPLOY_DOCTOR_FACTS_H
#define CPS_DEPLOY_DOCTOR_FACTS_H

#include "common/base/sha256.h"
#include "common/cluster/cluster.h"
#include "common/options/options.h"

#define CPS_FACTS_TEXT_BYTES 160

struct cps_facts {
    char mpi[CPS_FACTS_TEXT_BYTES], zmq[CPS_FACTS_TEXT_BYTES]; /* versions of the libraries */
    char mpi_networks[CPS_FACTS_TEXT_BYTES]; /* networks Open MPI is restricted to; "": none */
    char isa[16], processor[CPS_FACTS_TEXT_BYTES];
    uint32_t curve;                           /* ZeroMQ can encrypt */
    uint32_t cores, bound_cores, quota_cores; /* of the host; this rank may use; of the control group, 0: all */
    uint64_t memory_bytes, memory_free_bytes; /* of the host, or of what this process may have of it */
    int32_t shared_error, scratch_error;      /* errno; 0: can be written to */
    uint64_t shared_free_bytes, scratch_free_bytes;
    char scratch[CPS_FACTS_TEXT_BYTES]; /* the folder of temporary files */
    uint64_t files;                     /* the limit on open files */
    char out_error[CPS_FACTS_TEXT_BYTES];
    /* Of the input files. */
    char data_error[CPS_ERROR_BYTES];
    uint64_t data_bytes;
    uint8_t data_digest[CPS_SHA256_BYTES]; /* of their contents */
    /* The networks on which this rank could listen. */
    char address_error[CPS_ERROR_BYTES];
    struct cps_networks networks;
};

/* Gathers the facts of this rank. Never fails: an error is itself a fact, stored in *out. */
void cps_facts_find(const struct cps_options *options, struct cps_facts *out);

#endif
