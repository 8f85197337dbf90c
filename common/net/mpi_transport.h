/*
 * Messages over MPI point-to-point: the fast path for rows and gradients if the ranks
 * share a host or a trusted network. Uses only non-blocking calls.
 */
#ifndef CPS_NET_MPI_TRANSPORT_H
#define CPS_NET_MPI_TRANSPORT_H

#include <mpi.h>

#include "common/net/route.h"
#include "common/net/transport.h"

/* communicator has route.ranks ranks, must not be used for anything else and must outlive the transport; it and
 * pool are borrowed. Not collective. */
enum cps_status cps_mpi_transport_create(const struct cps_route *route, struct cps_buffer_pool *pool,
                                         MPI_Comm communicator, struct cps_transport **out);

#endif
