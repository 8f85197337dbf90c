/* Judges the facts of all ranks: facts -> findings. No I/O. */
#ifndef CPS_DEPLOY_DOCTOR_JUDGE_H
#define CPS_DEPLOY_DOCTOR_JUDGE_H

#include "common/cluster/launcher.h"
#include "deploy/doctor/findings.h"
#include "deploy/doctor/links.h"

struct cps_patient {
    const struct cps_options *options;
    const struct cps_cluster *cluster;
    const struct cps_launcher *launcher;
    const char *build;
    const struct cps_facts *facts;       /* [ranks] */
    const struct cps_links_found *links; /* of all hosts */
};

/* Adds the findings about the ranks and their hosts. */
void cps_judge_hosts(const struct cps_patient *self, struct cps_findings *findings);

/* Adds the findings about the networks and links between the hosts. */
void cps_judge_links(const struct cps_patient *self, struct cps_findings *findings);

#endif
