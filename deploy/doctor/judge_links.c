/* Networks and links between hosts; see judge.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/doctor/judge.h"

/* Each step takes a round trip; with slower ones small batches spend most of the time waiting. */
enum { SLOW_ROUND_US = 2000 };
static const uint64_t SLOW_BYTES_PER_S = 40000000;

/* Reports the network, or the interface that was given. */
static void judge_network(const struct cps_patient *self, struct cps_findings *findings)
{
    const struct cps_links_found *links = self->links;
    if (self->cluster->one_host)
        cps_findings_add(findings, CPS_FINDING_OK, "network", NULL, "one host: nothing leaves it");
    else if (links->network[0])
        cps_findings_add(findings, CPS_FINDING_OK, "network", NULL,
                         "%s, in which every host has an address, %s", links->network,
                         self->options->encrypt == CPS_OPTION_ENCRYPT_OFF ? "not encrypted" : "encrypted");
    else if (self->options->interface)
        cps_findings_add(findings, CPS_FINDING_OK, "network", NULL, "'%s', as --interface says",
                         self->options->interface);
    else
        cps_findings_add(findings, CPS_FINDING_NOTE, "network",
                         "name one with --interface, if links below are wrong",
                         "the hosts share none: each listens at the address of its default route");
}

/* Reports ranks that cannot listen where a run would. */
static void judge_ends(const struct cps_patient *self, struct cps_findings *findings)
{
    for (uint32_t rank = 0; rank < self->cluster->ranks; rank++)
        if (self->links->ends[rank].error[0])
            cps_findings_add(findings, CPS_FINDING_WRONG, "listen",
                             "'ip -brief address' lists what --interface may name; --port chooses other ports",
                             "rank %" PRIu32 " on '%s': %s", rank, self->cluster->hosts[rank],
                             self->links->ends[rank].error);
}

/* Reports the networks on which Open MPI listens. */
static void judge_mpi_networks(const struct cps_patient *self, struct cps_findings *findings)
{
    char remedy[256];
    const char *network = self->links->network;
    if (!self->launcher->mpi)
        return;
    if (self->cluster->one_host) {
        bool shielded = self->facts[0].mpi_networks[0];
        cps_findings_add(findings, shielded ? CPS_FINDING_OK : CPS_FINDING_NOTE, "mpi",
                         "start the job with deploy/launch.sh in place of mpirun",
                         shielded
                             ? "Open MPI keeps to the loopback"
                             : "mpirun itself listens on every network of this host, and knows no passwords");
        return;
    }
    snprintf(remedy, sizeof remedy, "mpirun --mca btl_tcp_if_include %s --mca oob_tcp_if_include %s", network,
             network);
    if (!self->facts[0].mpi_networks[0])
        cps_findings_add(findings, CPS_FINDING_NOTE, "mpi", network[0] ? remedy : NULL,
                         "Open MPI listens on every network of a host and knows no passwords");
    else
        cps_findings_add(findings, CPS_FINDING_OK, "mpi", NULL, "Open MPI uses %s alone",
                         self->facts[0].mpi_networks);
}

static void judge_broken(const struct cps_patient *self, uint32_t from, uint32_t to, int error,
                         struct cps_findings *findings)
{
    const struct cps_links_found *links = self->links;
    const struct cps_link_end *end = &links->ends[links->leaders[to]];
    cps_findings_add(
        findings, CPS_FINDING_WRONG, "link",
        "open the ports in the firewall ('--port N' makes them N to N + ranks - 1), or choose another "
        "network with --interface",
        "'%s' cannot reach '%s' at %s port %" PRIu32 ": %s", self->cluster->hosts[links->leaders[from]],
        self->cluster->hosts[links->leaders[to]], end->address, end->port, strerror(error));
}

/* Reports the speed of a link that works in both directions. */
static void judge_speed(const struct cps_patient *self, uint32_t a, uint32_t b, struct cps_findings *findings)
{
    const struct cps_links_found *links = self->links;
    uint32_t n = self->cluster->host_count;
    const struct cps_probe_result *there = &links->links[a * n + b], *back = &links->links[b * n + a];
    uint32_t round_us = there->round_us < back->round_us ? there->round_us : back->round_us;
    uint64_t rate = there->bytes_per_s < back->bytes_per_s ? there->bytes_per_s : back->bytes_per_s;
    bool far = round_us > SLOW_ROUND_US, thin = rate < SLOW_BYTES_PER_S;
    cps_findings_add(
        findings, far || thin ? CPS_FINDING_SLOW : CPS_FINDING_OK, "link",
        far ? "a step takes at least a round trip: use a large --batch-size, or hosts that are nearer"
            : "use a network that is faster, or fewer hosts",
        "'%s' and '%s': round trip %.3f ms, %.0f MB/s", self->cluster->hosts[links->leaders[a]],
        self->cluster->hosts[links->leaders[b]], round_us * 1e-3, (double)rate * 1e-6);
}

static void judge_pair(const struct cps_patient *self, uint32_t a, uint32_t b, struct cps_findings *findings)
{
    uint32_t n = self->cluster->host_count;
    const struct cps_links_found *links = self->links;
    int there = links->links[a * n + b].error, back = links->links[b * n + a].error;
    /* A rank that does not listen was reported already. */
    if (links->ends[links->leaders[a]].error[0] || links->ends[links->leaders[b]].error[0])
        return;
    if (there)
        judge_broken(self, a, b, there, findings);
    if (back)
        judge_broken(self, b, a, back, findings);
    if (!there && !back)
        judge_speed(self, a, b, findings);
}

void cps_judge_links(const struct cps_patient *self, struct cps_findings *findings)
{
    judge_network(self, findings);
    judge_ends(self, findings);
    judge_mpi_networks(self, findings);
    for (uint32_t a = 0; a < self->cluster->host_count; a++)
        for (uint32_t b = a + 1; b < self->cluster->host_count; b++)
            judge_pair(self, a, b, findings);
}
