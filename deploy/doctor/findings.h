/* What doctor has found: a line for each thing that was looked at, and a second one with what to do about it.
 */
#ifndef CPS_DEPLOY_DOCTOR_FINDINGS_H
#define CPS_DEPLOY_DOCTOR_FINDINGS_H

#include "common/base/text.h"

enum cps_finding {
    CPS_FINDING_OK,
    CPS_FINDING_NOTE,  /* worth knowing */
    CPS_FINDING_SLOW,  /* a run ends well, but takes longer than it needs to */
    CPS_FINDING_WRONG, /* a run fails, or will on another day */
    CPS_FINDING_KINDS
};

struct cps_findings {
    struct cps_text text;
    uint32_t count[CPS_FINDING_KINDS];
    enum cps_status status; /* of the text's memory */
};

/* Adds a line on topic. remedy, the line below it, may be NULL. */
void cps_findings_add(struct cps_findings *self, enum cps_finding level, const char *topic, const char *remedy,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds the last line, which sums up. */
void cps_findings_sum_up(struct cps_findings *self);

#endif
