/* The links between the hosts of a job, each measured both ways by the first rank of each host. */
#ifndef CPS_DEPLOY_DOCTOR_LINKS_H
#define CPS_DEPLOY_DOCTOR_LINKS_H

#include "common/net/probe.h"
#include "deploy/doctor/facts.h"

/* Where a rank listens: a plain struct that travels as it is. */
struct cps_link_end {
    char address[CPS_ADDRESS_BYTES];
    uint32_t port;
    char error[CPS_FACTS_TEXT_BYTES]; /* "" when it does */
};

struct cps_links_found {
    char network[CPS_NETWORK_BYTES]; /* "" where there is none that all share */
    struct cps_link_end *ends;       /* [ranks] */
    uint32_t *leaders;               /* [hosts]: the first rank of each */
    struct cps_probe_result *links;  /* [hosts][hosts]: from a host to another */
};

/* Listens as a run with these options would, and lets the hosts call each other. facts: [ranks]. Takes a few
 * seconds for each host that cannot be reached. Released also when it fails. Collective. */
enum cps_status cps_links_measure(struct cps_cluster *cluster, const struct cps_options *options,
                                  const struct cps_facts *facts, struct cps_links_found *out);
void cps_links_found_release(struct cps_links_found *self);

#endif
