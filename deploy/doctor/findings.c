/* Findings -> lines; see findings.h. */
#include "deploy/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const words[CPS_FINDING_KINDS] = {"ok", "note", "slow", "WRONG"};

void cps_findings_add(struct cps_findings *self, enum cps_finding level, const char *topic, const char *remedy,
                      const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    enum cps_status status = cps_text_add(&self->text, "%-6s%-11s%s\n", words[level], topic, line);
    if (status == CPS_OK && remedy && level != CPS_FINDING_OK)
        status = cps_text_add(&self->text, "%17sdo: %s\n", "", remedy);
    self->count[level]++;
    self->status = self->status == CPS_OK ? status : self->status;
}

void cps_findings_sum_up(struct cps_findings *self)
{
    uint32_t wrong = self->count[CPS_FINDING_WRONG], slow = self->count[CPS_FINDING_SLOW];
    enum cps_status status =
        cps_text_add(&self->text, "%s: %u wrong, %u slow, %u to note, %u ok\n", wrong ? "not ready" : "ready",
                     wrong, slow, self->count[CPS_FINDING_NOTE], self->count[CPS_FINDING_OK]);
    self->status = self->status == CPS_OK ? status : self->status;
}
