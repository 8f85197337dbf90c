/*
 * The ranks of a run as started by the launcher: their number and hosts, and the few collectives
 * needed before and after training. It uses MPI, but only if
 * mpirun started the process: otherwise it is a cluster of one rank.
 *
 * Every collective here has a deadline, so that no rank waits for ever for one that died
 * or took another path; and none blocks inside MPI, which would spin. When one ends
 * with CPS_ERR_PEER, or cps_cluster_end() with false, only cps_cluster_abort() may follow:
 * MPI still holds what was being sent.
 */
#ifndef CPS_CLUSTER_CLUSTER_H
#define CPS_CLUSTER_CLUSTER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/cluster/job.h"
#include "common/net/buffer.h"
#include "common/net/curve.h"
#include "common/net/networks.h"
#include "common/net/route.h"
#include "common/net/secret.h"
#include "common/net/transport.h"

#define CPS_HOST_BYTES 128
#define CPS_BUILD_BYTES 192

struct cps_cluster {
    uint32_t rank, ranks;
    uint64_t run_id;               /* the same on every rank, of this run alone; never 0 */
    uint8_t key[CPS_SECRET_BYTES]; /* the run's secret key, the same on every rank */
    bool one_host;                 /* all ranks share a kernel, its memory and its network */
    uint32_t host_count;
    char (*hosts)[CPS_HOST_BYTES];     /* [ranks]: names */
    uint32_t *host_of;                 /* [ranks]: 0 .. host_count - 1, in order of appearance */
    struct cps_curve_key *public_keys; /* [ranks] */
    bool veils;                 /* what ranks exchange by MPI is encrypted; set by the owner, on all alike */
    uint64_t exchanges;         /* number of exchanges so far, which selects the keystream */
    struct cps_curve_pair pair; /* of this rank */
    char network[CPS_NETWORK_BYTES]; /* that all hosts share: "10.1.0.0/16"; "" where none was looked for or
                                        found */
    struct cps_cluster_mpi *mpi;     /* NULL without a launcher */
};

/* Starts MPI if there is a launcher, checks that all ranks run the same build (a text that names it), and
 * exchanges hosts and keys. This and all later collectives time out after timeout_ns. CPS_ERR_USAGE if builds
 * differ, or if the launcher started ranks that MPI does not see. Collective. */
enum cps_status cps_cluster_start(uint64_t timeout_ns, const char *build, struct cps_cluster **out);

/* From now on a waiting collective returns CPS_ERR_INTERRUPTED soon after *interrupted
 * becomes nonzero; NULL ends this. Used while nothing else handles signals. Not collective. */
void cps_cluster_watch(struct cps_cluster *self, const volatile sig_atomic_t *interrupted);

/* Whether this rank gave up a collective that way. Later collectives fail at once, and so does cps_cluster_end. */
bool cps_cluster_is_left(const struct cps_cluster *self);

/* From now on collectives give up after timeout_ns. Not collective. */
void cps_cluster_set_timeout(struct cps_cluster *self, uint64_t timeout_ns);

/* Replaces text on every rank by that of rank 0. Collective. */
enum cps_status cps_cluster_broadcast(struct cps_cluster *self, struct cps_text *text);

/* Combines the statuses of all ranks: all return that of the lowest rank that failed, with its error text
 * and hint as their last error, or CPS_OK. A rank with status CPS_ERR_PEER waits at most a few seconds, and
 * keeps its own error if the others do not arrive. Collective. */
enum cps_status cps_cluster_agree(struct cps_cluster *self, enum cps_status status);

/* Allgather: own[bytes] of every rank into all[ranks][bytes]. Collective. */
enum cps_status cps_cluster_gather(struct cps_cluster *self, const void *own, size_t bytes, void *all);

/* Replaces values[count] by their sums over all ranks, modulo 2^64. Collective. */
enum cps_status cps_cluster_sum(struct cps_cluster *self, uint64_t *values, size_t count);

/* Keeps other ranks waiting while rank 0 is busy: rank 0 broadcasts whether there is more to wait for. Called
 * repeatedly, more often than the timeout. Collective. */
enum cps_status cps_cluster_hold(struct cps_cluster *self, bool *more);

/* The transports between ranks. */
struct cps_cluster_network {
    bool tcp;              /* control over tcp even within a host */
    bool mpi_rows;         /* rows over MPI, beside control */
    const char *interface; /* of tcp: a name, a network or NULL; see net/interface.h */
    uint32_t base_port;    /* of tcp: 0 takes free ports */
    size_t most_bytes;     /* that a payload may have; 0: any */
    bool encrypt;          /* what goes over tcp */
};

/* Opens control, over ipc or (when asked, or ranks are on several hosts) tcp, and bulk if rows are to go
 * over MPI, else NULL; both NULL with one rank. Ranks agree on the outcome. job and pool are borrowed.
 * Destroyed with cps_cluster_disconnect(). Collective. */
enum cps_status cps_cluster_connect(struct cps_cluster *self, const struct cps_cluster_network *network,
                                    const struct cps_job *job, struct cps_buffer_pool *pool,
                                    struct cps_transport **control, struct cps_transport **bulk);

/* Closes both; NULLs are allowed. Not collective. */
void cps_cluster_disconnect(struct cps_transport **control, struct cps_transport **bulk);

/* Ends MPI once every rank has arrived. False if a rank does not arrive in time: the
 * caller then reports its own error and calls cps_cluster_abort(). Collective. */
bool cps_cluster_end(struct cps_cluster **self);

/* The only fatal path: ends this process, and under a launcher all others, with code. */
_Noreturn void cps_cluster_abort(int code);

#endif
