/*
 * Measures links between hosts; see links.h. In each round hosts are paired as in a round-robin tournament, so
 * that measurements do not share a host:
 *
 *     host h meets host (round - h) mod n, for n odd; if n is even, the last host meets the one left without a
 * partner
 */
#include "deploy/doctor/links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/memory.h"

static const uint64_t CALL_NS = 3000000000u, SERVE_NS = 4000000000u;

/* Chooses the address at which a run would listen. */
static enum cps_status choose_address(const struct cps_cluster *cluster, const struct cps_options *options,
                                      const struct cps_facts *facts, struct cps_links_found *out,
                                      struct cps_link_end *own)
{
    struct cps_networks *all;
    bool found = false;
    CPS_TRY(cps_alloc("networks", cluster->ranks, sizeof *all, &all));
    for (uint32_t rank = 0; rank < cluster->ranks; rank++)
        all[rank] = facts[rank].networks;
    if (!options->interface && !cluster->one_host)
        found = cps_networks_choose(all, cluster->host_of, cluster->ranks, cluster->rank, own->address,
                                    out->network);
    free(all);
    return found ? CPS_OK : cps_interface_address(options->interface, cluster->one_host, own->address);
}

/* Every rank opens its port, as in a run; the first rank of each host is called on it. */
static int listen_here(const struct cps_cluster *cluster, const struct cps_options *options,
                       struct cps_link_end *own)
{
    int listener = -1;
    uint16_t taken = 0;
    uint32_t port = options->port ? options->port + cluster->rank : 0;
    enum cps_status status = port > UINT16_MAX
                                 ? cps_fail(CPS_ERR_USAGE, "port %u is beyond 65535", port)
                                 : cps_probe_listen(own->address, (uint16_t)port, &listener, &taken);
    own->port = taken;
    if (status != CPS_OK)
        snprintf(own->error, sizeof own->error, "%s", cps_error_text());
    return listener;
}

/* The partner of host in round among n hosts; host itself if it has none. */
static uint32_t partner_of(uint32_t host, uint32_t round, uint32_t n)
{
    uint32_t odd = n - (n % 2 == 0); /* hosts that rotate */
    if (host == odd)
        for (uint32_t h = 0; h < odd; h++)
            if (2 * h % odd == round)
                return h;
    uint32_t partner = (round + odd - host % odd) % odd;
    return partner == host && n % 2 == 0 ? odd : partner;
}

static void meet(const struct cps_cluster *cluster, const struct cps_links_found *found, int listener,
                 uint32_t own, uint32_t partner, struct cps_probe_result *row)
{
    const struct cps_link_end *end = &found->ends[found->leaders[partner]];
    for (uint32_t caller = 0; caller < 2; caller++) {
        if ((own > partner) == (caller == 0))
            row[partner] = cps_probe_call(end->address, (uint16_t)end->port, cluster->run_id, CALL_NS);
        else if (listener >= 0)
            cps_probe_serve(listener, cluster->run_id, SERVE_NS);
    }
}

static enum cps_status play(struct cps_cluster *cluster, const struct cps_links_found *found, int listener,
                            struct cps_probe_result *row)
{
    uint32_t n = cluster->host_count, own = cluster->host_of[cluster->rank];
    bool leads = found->leaders[own] == cluster->rank;
    for (uint32_t round = 0; round < n - (n % 2 == 0); round++) {
        uint32_t partner = partner_of(own, round, n);
        if (leads && partner != own)
            meet(cluster, found, listener, own, partner, row);
        CPS_TRY(cps_cluster_agree(cluster, CPS_OK));
    }
    return CPS_OK;
}

/* Selects the rows of the first rank of each host from those of all ranks. */
static void keep_rows(const struct cps_cluster *cluster, const struct cps_probe_result *all,
                      struct cps_links_found *out)
{
    uint32_t n = cluster->host_count;
    for (uint32_t host = 0; host < n; host++)
        memcpy(&out->links[host * n], &all[out->leaders[host] * n], n * sizeof *all);
}

static enum cps_status call_each_other(struct cps_cluster *cluster, int listener, struct cps_links_found *out)
{
    uint32_t n = cluster->host_count;
    struct cps_probe_result *row = NULL, *all = NULL;
    enum cps_status status = cps_alloc("links", n, sizeof *row, &row);
    if (status == CPS_OK)
        status = cps_alloc("links", (size_t)cluster->ranks * n, sizeof *all, &all);
    status = cps_cluster_agree(cluster, status);
    if (status == CPS_OK)
        status = play(cluster, out, listener, row);
    if (status == CPS_OK)
        status = cps_cluster_gather(cluster, row, n * sizeof *row, all);
    if (status == CPS_OK)
        keep_rows(cluster, all, out);
    free(row);
    free(all);
    return status;
}

static enum cps_status make_room(const struct cps_cluster *cluster, struct cps_links_found *out)
{
    uint32_t n = cluster->host_count;
    CPS_TRY(cps_alloc("ends of links", cluster->ranks, sizeof *out->ends, &out->ends));
    CPS_TRY(cps_alloc("hosts", n, sizeof *out->leaders, &out->leaders));
    CPS_TRY(cps_alloc("links", (size_t)n * n, sizeof *out->links, &out->links));
    for (uint32_t rank = cluster->ranks; rank-- > 0;)
        out->leaders[cluster->host_of[rank]] = rank;
    return CPS_OK;
}

enum cps_status cps_links_measure(struct cps_cluster *cluster, const struct cps_options *options,
                                  const struct cps_facts *facts, struct cps_links_found *out)
{
    struct cps_link_end own = {0};
    int listener = -1;
    *out = (struct cps_links_found){0};
    CPS_TRY(cps_cluster_agree(cluster, make_room(cluster, out)));
    if (choose_address(cluster, options, facts, out, &own) == CPS_OK)
        listener = listen_here(cluster, options, &own);
    else
        snprintf(own.error, sizeof own.error, "%s", cps_error_text());
    enum cps_status status = cps_cluster_gather(cluster, &own, sizeof own, out->ends);
    if (status == CPS_OK)
        status = call_each_other(cluster, listener, out);
    if (listener >= 0)
        close(listener);
    return status;
}

void cps_links_found_release(struct cps_links_found *self)
{
    free(self->ends);
    free(self->leaders);
    free(self->links);
    *self = (struct cps_links_found){0};
}
