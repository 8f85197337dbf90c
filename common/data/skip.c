/* Counting skipped lines; see skip.h. Used by the readers of ratings. */
#include "common/data/skip.h"

void cps_skip_release(struct cps_skip *self)
{
    cps_text_release(&self->told);
    *self = (struct cps_skip){0};
}

static enum cps_status refuse(const struct cps_skip *self)
{
    if (self->limit > 0)
        return cps_hint(CPS_ERR_DATA, "--skip-bad allows %llu such lines; 'all' skips any number",
                        (unsigned long long)self->limit);
    if (cps_error_hint()[0] != '\0')
        return CPS_ERR_DATA;
    return cps_hint(CPS_ERR_DATA, "--skip-bad N|all skips and counts malformed lines");
}

enum cps_status cps_skip_line(struct cps_skip *self)
{
    if (self->count >= self->limit)
        return refuse(self);
    if (self->count++ < CPS_SKIP_TOLD)
        CPS_TRY(cps_text_add(&self->told, "%s\n", cps_error_text()));
    cps_error_clear();
    return CPS_OK;
}
