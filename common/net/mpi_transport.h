/*
 * Messages over MPI point-to-point: the fast path for rows and gradients where the ranks
 * share a host or a trusted fabric. Only non-blocking calls: nothing here parks a rank.
 */
#ifndef CPS_NET_MPI_TRANSPORT_H
#define CPS_NET_MPI_TRANSPORT_H

#include <mpi.h>

#include "common/net/route.h"
#include "common/net/transport.h"

/* communicator, of route.ranks ranks, is used for nothing else and outlives the transport; both it and
 * pool are borrowed. Not collective. */
enum cps_status cps_mpi_transport_create(const struct cps_route *route, struct cps_buffer_pool *pool,
                                         MPI_Comm communicator, struct cps_transport **out);

#endif
