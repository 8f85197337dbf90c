/* coordinator -> limit -> recorder; see limit.h. A run that is only to show its first epochs keeps
 * the schedule of all of them, so it cannot simply be given fewer. */
#include "deploy/training/limit.h"

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    const struct cps_limit *self = context;
    return self->next.on_start(self->next.context, start);
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    const struct cps_limit *self = context;
    return self->next.on_step(self->next.context, step);
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    struct cps_limit *self = context;
    CPS_TRY(self->next.on_epoch(self->next.context, epoch));
    if (self->epochs == 0 || epoch->epoch + 1 < self->epochs)
        return CPS_OK;
    self->reached = true;
    return cps_fail(CPS_ERR_INTERRUPTED, "ended after %u epochs", self->epochs);
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    const struct cps_limit *self = context;
    return self->next.on_diverged(self->next.context, step);
}

static bool wants_epoch(void *context)
{
    const struct cps_limit *self = context;
    return self->next.wants_epoch(self->next.context);
}

static enum cps_status on_epoch_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    const struct cps_limit *self = context;
    return self->next.on_epoch_rows(self->next.context, first_key, count, rows);
}

static bool ends_early(void *context)
{
    const struct cps_limit *self = context;
    return self->next.ends_early(self->next.context);
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    const struct cps_limit *self = context;
    return self->next.on_rows(self->next.context, first_key, count, rows);
}

static enum cps_status on_complete(void *context)
{
    const struct cps_limit *self = context;
    return self->next.on_complete(self->next.context);
}

static enum cps_status poll(void *context, bool *busy)
{
    const struct cps_limit *self = context;
    return self->next.poll(self->next.context, busy);
}

struct cps_observer cps_limit_observer(struct cps_limit *self, const struct cps_observer *next)
{
    self->next = *next;
    return (struct cps_observer){.context = self,
                                 .on_start = on_start,
                                 .on_step = on_step,
                                 .on_epoch = on_epoch,
                                 .on_diverged = on_diverged,
                                 .wants_epoch = wants_epoch,
                                 .on_epoch_rows = on_epoch_rows,
                                 .ends_early = ends_early,
                                 .on_rows = on_rows,
                                 .on_complete = on_complete,
                                 .poll = poll};
}
