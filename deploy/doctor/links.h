/* Measures the links between the hosts of a job, in both directions, from the first rank of each host. */
#ifndef CPS_DEPLOY_DOCTOR_LINKS_H
#define CPS_DEPLOY_DOCTOR_LINKS_H

#include "common/net/probe.h"
#include "deploy/doctor/facts.h"

/* The address at which a rank listens: a plain struct, sent as raw bytes. */
struct cps_link_end {
    char address[CPS_ADDRESS_BYTES];
    uint32_t port;
    char error[CPS_FACTS_TEXT_BYTES]; /* why it cannot listen; "" when it does */
};

struct cps_links_found {
    char network[CPS_NETWORK_BYTES]; /* the one that all hosts share, or "" */
    struct cps_link_end *ends;       /* [ranks] */
    uint32_t *leaders;               /* [hosts]: the first rank of each */
    struct cps_probe_result *links;  /* [hosts][hosts]: from a host to another */
};

/* Listens as a run with these options would, and connects the hosts to each other. facts[ranks] are those of
 * all ranks. Takes a few seconds for each host that cannot be reached. Release *out even on failure.
 * Collective. */
enum cps_status cps_links_measure(struct cps_cluster *cluster, const struct cps_options *options,
                                  const struct cps_facts *facts, struct cps_links_found *out);
void cps_links_found_release(struct cps_links_found *self);

#endif
