/*
 * Opens the transports of a job: each rank chooses where to listen and tells all others, connects to the lower
 * ranks, and checks these connections while all ranks can still agree on an error by MPI.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/cluster.h"
#include "common/cluster/collective.h"
#include "common/cluster/host.h"
#include "common/net/interface.h"
#include "common/net/mpi_transport.h"
#include "common/net/zmq_transport.h"

static const uint64_t LONGEST_REACH_NS = 30000000000u;

/* ZeroMQ's threads need a core besides the main thread's. If the user has bound the ranks, they stay bound. */
static void make_room_for_threads(void)
{
    if (getenv("OMPI_MCA_hwloc_base_binding_policy") || getenv("OMPI_MCA_rmaps_base_mapping_policy"))
        return;
    cps_debug("a rank may use %d processors", cps_host_widen_affinity());
}

static bool over_tcp(const struct cps_cluster *self, const struct cps_cluster_network *network)
{
    return network->tcp || !self->one_host;
}

/* The error of a rank is printed by another rank, and therefore names the host. */
static enum cps_status find_interface(struct cps_cluster *self, const char *interface,
                                      char address[CPS_ADDRESS_BYTES])
{
    enum cps_status status = cps_interface_address(interface, false, address);
    if (status == CPS_OK)
        snprintf(self->network, sizeof self->network, "%s", interface);
    if (status != CPS_ERR_USAGE)
        return status;
    cps_fail(status, "no interface of '%s' is, or has an address in, '%s'", self->hosts[self->rank], interface);
    return cps_hint(status, "'ip -brief address' lists them; --interface takes a name, or a network such as "
                            "10.1.0.0/16; 'collab-ps doctor' looks at every host");
}

/* Chooses where to listen. All ranks exchange their networks, so that each selects the same one. */
static enum cps_status choose_address(struct cps_cluster *self, const struct cps_cluster_network *network,
                                      char address[CPS_ADDRESS_BYTES])
{
    struct cps_networks own = {.count = 0}, *all;
    enum cps_status status = cps_alloc("networks", self->ranks, sizeof *all, &all);
    if (status == CPS_OK && !network->interface && !self->one_host)
        status = cps_networks_find(&own);
    status = cps_cluster_agree(self, status);
    if (status == CPS_OK)
        status = cps_cluster_gather(self, &own, sizeof own, all);
    if (status == CPS_OK && network->interface)
        status = find_interface(self, network->interface, address);
    else if (status == CPS_OK &&
             !cps_networks_choose(all, self->host_of, self->ranks, self->rank, address, self->network))
        status = cps_interface_address(NULL, self->one_host, address);
    free(all);
    return status;
}

static enum cps_status bind_control(struct cps_cluster *self, const struct cps_cluster_network *network,
                                    const struct cps_route *route, struct cps_buffer_pool *pool,
                                    const char *address, struct cps_transport **control,
                                    char endpoint[CPS_ENDPOINT_BYTES])
{
    bool tcp = over_tcp(self, network), encrypted = tcp && network->encrypt;
    struct cps_zmq_options options = {.route = *route,
                                      .pool = pool,
                                      .key = self->key,
                                      .most_bytes = network->most_bytes,
                                      .patience_ns = self->mpi->timeout_ns,
                                      .public_keys = encrypted ? self->public_keys : NULL,
                                      .secret_key = encrypted ? &self->pair.secret_key : NULL,
                                      .tcp = tcp,
                                      .address = address,
                                      .base_port = network->base_port};
    return cps_zmq_transport_bind(&options, control, endpoint);
}

/* Detects a blocked port, or an address that belongs to another host, before the run starts. */
static enum cps_status await_peers(const struct cps_cluster *self, const char (*endpoints)[CPS_ENDPOINT_BYTES],
                                   struct cps_transport *control)
{
    /* The other ranks wait for this one for the whole timeout. */
    uint64_t half_ns = self->mpi->timeout_ns / 2;
    uint64_t timeout_ns = half_ns < LONGEST_REACH_NS ? half_ns : LONGEST_REACH_NS;
    uint32_t missing;
    cps_zmq_transport_await(control, timeout_ns, &missing);
    if (missing == self->ranks)
        return CPS_OK;
    return cps_hint(cps_fail(CPS_ERR_PEER,
                             "rank %" PRIu32 " on '%s' cannot reach rank %" PRIu32
                             " on '%s' at %s within %" PRIu64 " s",
                             self->rank, self->hosts[self->rank], missing, self->hosts[missing],
                             endpoints[missing], timeout_ns / 1000000000u),
                    "a firewall may block the port ('--port' sets which), or it is the wrong network "
                    "('--interface'); 'collab-ps doctor' under the same mpirun tells");
}

static enum cps_status connect_control(struct cps_cluster *self, const char endpoint[CPS_ENDPOINT_BYTES],
                                       char (*endpoints)[CPS_ENDPOINT_BYTES], struct cps_transport *control)
{
    const char(*all)[CPS_ENDPOINT_BYTES] = (const char(*)[CPS_ENDPOINT_BYTES])endpoints;
    enum cps_status status = cps_cluster_gather(self, endpoint, CPS_ENDPOINT_BYTES, endpoints);
    if (status == CPS_OK)
        status = cps_zmq_transport_connect(control, all);
    if (status == CPS_OK)
        status = await_peers(self, all, control);
    return status;
}

static struct cps_route route_of(const struct cps_cluster *self, const struct cps_job *job)
{
    struct cps_route route = cps_job_route(job, self->rank);
    route.hosts = self->hosts[0];
    route.host_bytes = sizeof self->hosts[0];
    route.host_of = self->host_of;
    return route;
}

enum cps_status cps_cluster_connect(struct cps_cluster *self, const struct cps_cluster_network *network,
                                    const struct cps_job *job, struct cps_buffer_pool *pool,
                                    struct cps_transport **control, struct cps_transport **bulk)
{
    *control = *bulk = NULL;
    if (self->ranks == 1)
        return CPS_OK;
    struct cps_route route = route_of(self, job);
    char endpoint[CPS_ENDPOINT_BYTES] = "", (*endpoints)[CPS_ENDPOINT_BYTES] = NULL,
         address[CPS_ADDRESS_BYTES] = "";
    if (!network->mpi_rows)
        make_room_for_threads();
    if (over_tcp(self, network))
        CPS_TRY(cps_cluster_agree(self, choose_address(self, network, address)));
    enum cps_status status = cps_alloc("endpoints", self->ranks, sizeof *endpoints, &endpoints);
    if (status == CPS_OK)
        status = cps_host_need_files(CPS_FILES_OF_ZMQ + CPS_FILES_A_PEER * self->ranks);
    if (status == CPS_OK)
        status = bind_control(self, network, &route, pool, address, control, endpoint);
    if (status == CPS_OK && network->mpi_rows)
        status = cps_mpi_transport_create(&route, pool, self->mpi->rows, bulk);
    status = cps_cluster_agree(self, status);
    if (status == CPS_OK)
        status = cps_cluster_agree(self, connect_control(self, endpoint, endpoints, *control));
    free(endpoints);
    if (status != CPS_OK)
        cps_cluster_disconnect(control, bulk);
    return status;
}

void cps_cluster_disconnect(struct cps_transport **control, struct cps_transport **bulk)
{
    struct cps_transport **both[] = {control, bulk};
    for (size_t i = 0; i < 2; i++)
        if (*both[i]) {
            (*both[i])->ops->destroy(*both[i]);
            *both[i] = NULL;
        }
}
