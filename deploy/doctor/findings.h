/* The findings of doctor: one line for each topic, and below it, where there is a remedy, a second line. */
#ifndef CPS_DEPLOY_DOCTOR_FINDINGS_H
#define CPS_DEPLOY_DOCTOR_FINDINGS_H

#include "common/base/text.h"

enum cps_finding {
    CPS_FINDING_OK,
    CPS_FINDING_NOTE,  /* worth knowing */
    CPS_FINDING_SLOW,  /* a run succeeds, but takes longer than necessary */
    CPS_FINDING_WRONG, /* a run fails, or may fail later */
    CPS_FINDING_KINDS
};

struct cps_findings {
    struct cps_text text;
    uint32_t count[CPS_FINDING_KINDS];
    enum cps_status status; /* CPS_ERR_MEMORY when text could not grow */
};

/* Adds a line on topic. remedy, the line below it, may be NULL. */
void cps_findings_add(struct cps_findings *self, enum cps_finding level, const char *topic, const char *remedy,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Adds the last line, a summary. */
void cps_findings_sum_up(struct cps_findings *self);

#endif
