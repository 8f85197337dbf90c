/* Start -> facts of all ranks -> links between hosts -> findings printed by rank 0; see doctor.h. */
#include "deploy/doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "deploy/doctor/judge.h"

static const uint64_t TIMEOUT_NS = 30000000000u;
static const uint64_t PATIENCE_NS = 1500000000u;

/* Before the ranks are connected, an error can only be reported by itself. */
static int fail_to_start(const struct cps_launcher *launcher)
{
    struct cps_findings findings = {0};
    if (launcher->rank != 0) {
        cps_sleep_ns(PATIENCE_NS); /* a launcher ends all ranks as soon as one has ended */
        return 1;
    }
    cps_findings_add(&findings, CPS_FINDING_WRONG, "start", cps_error_hint()[0] ? cps_error_hint() : NULL, "%s",
                     cps_error_text());
    cps_findings_sum_up(&findings);
    fputs(findings.text.data ? findings.text.data : "", stdout);
    fflush(stdout);
    cps_text_release(&findings.text);
    return 1;
}

static enum cps_status gather_facts(struct cps_cluster *cluster, const struct cps_options *options,
                                    struct cps_facts **all)
{
    struct cps_facts *own = NULL;
    enum cps_status status = cps_alloc("facts", 1, sizeof *own, &own);
    if (status == CPS_OK)
        status = cps_alloc("facts", cluster->ranks, sizeof **all, all);
    status = cps_cluster_agree(cluster, status);
    if (status == CPS_OK) {
        cps_facts_find(options, own);
        status = cps_cluster_gather(cluster, own, sizeof *own, *all);
    }
    free(own);
    return status;
}

/* Prints the findings on rank 0; all ranks return whether there is a problem. */
static enum cps_status tell(struct cps_cluster *cluster, const struct cps_patient *patient, uint32_t *wrong)
{
    struct cps_findings findings = {0};
    uint64_t sum = 0;
    if (cluster->rank == 0) {
        cps_judge_hosts(patient, &findings);
        cps_judge_links(patient, &findings);
        cps_findings_sum_up(&findings);
        fputs(findings.text.data ? findings.text.data : "", stdout);
        fflush(stdout);
        sum = findings.count[CPS_FINDING_WRONG];
    }
    enum cps_status status = findings.status;
    cps_text_release(&findings.text);
    status = cps_cluster_agree(cluster, status);
    if (status == CPS_OK)
        status = cps_cluster_sum(cluster, &sum, 1);
    *wrong = (uint32_t)sum;
    return status;
}

static enum cps_status examine(struct cps_cluster *cluster, const struct cps_launcher *launcher,
                               const struct cps_options *options, const char *build, uint32_t *wrong)
{
    struct cps_facts *facts = NULL;
    struct cps_links_found links = {0};
    enum cps_status status = gather_facts(cluster, options, &facts);
    if (status == CPS_OK)
        status = cps_links_measure(cluster, options, facts, &links);
    const struct cps_patient patient = {options, cluster, launcher, build, facts, &links};
    if (status == CPS_OK)
        status = tell(cluster, &patient, wrong);
    cps_links_found_release(&links);
    free(facts);
    return status;
}

int cps_doctor(const struct cps_options *options, const char *build)
{
    const struct cps_launcher launcher = cps_launcher_find();
    struct cps_cluster *cluster;
    uint32_t wrong = 0;
    if (cps_cluster_start(TIMEOUT_NS, build, &cluster) != CPS_OK)
        return fail_to_start(&launcher);
    enum cps_status status = examine(cluster, &launcher, options, build, &wrong);
    if (status != CPS_OK)
        fail_to_start(&launcher);
    if (status == CPS_ERR_PEER || !cps_cluster_end(&cluster))
        cps_cluster_abort(1);
    return wrong || status != CPS_OK;
}
