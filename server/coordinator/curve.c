/* Computes the results of steps and epochs from the workers' reports; see curve.h. */
#include "server/coordinator/curve.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/model/residual.h"
#include "common/model/steps.h"

static const double SMOOTHING = 0.98; /* fastai's AvgSmoothLoss */

struct cps_epoch_sum {
    struct cps_error_sums valid;
    uint64_t valid_count;
    uint32_t reports;
    uint64_t spent_ns[CPS_PHASES]; /* summed over the workers */
};

enum cps_status cps_curve_init(struct cps_curve *self, const struct cps_plan *plan)
{
    *self = (struct cps_curve){.plan = plan, .epochs = plan->epochs};
    return cps_alloc("epoch losses", plan->epochs, sizeof *self->epoch_sum, &self->epoch_sum);
}

void cps_curve_release(struct cps_curve *self)
{
    cps_losses_release(&self->losses);
    free(self->epoch_sum);
    self->epoch_sum = NULL;
}

void cps_curve_begin_at(struct cps_curve *self, const struct cps_save_mark *mark)
{
    self->finished = mark->step;
    self->epoch = mark->epochs;
    self->average = mark->average;
    self->epoch_loss = mark->epoch_loss;
    self->epoch_ratings = mark->epoch_ratings;
    cps_losses_begin_at(&self->losses, mark->step);
}

struct cps_save_mark cps_curve_mark(const struct cps_curve *self)
{
    return (struct cps_save_mark){.step = self->finished,
                                  .epochs = self->epoch,
                                  .average = self->average,
                                  .epoch_loss = self->epoch_loss,
                                  .epoch_ratings = self->epoch_ratings};
}

static enum cps_status add_losses(struct cps_curve *self, const struct cps_message *message)
{
    const struct cps_report *report = &message->report;
    const struct cps_loss_sum *sums = (const struct cps_loss_sum *)(const void *)message->payload->data;
    const uint64_t *ratings = (const uint64_t *)(const void *)(sums + report->steps);
    return cps_losses_add(&self->losses, report->first_step, report->steps, sums,
                          report->counted ? ratings : NULL);
}

static void add_validation(struct cps_curve *self, const struct cps_report *report)
{
    struct cps_epoch_sum *sum = &self->epoch_sum[report->epoch];
    sum->valid.squared = cps_loss_add(sum->valid.squared, cps_loss_sum_value(report->valid_sum));
    sum->valid.absolute = cps_loss_add(sum->valid.absolute, cps_loss_sum_value(report->valid_absolute));
    sum->valid_count += report->valid_count;
    sum->reports++;
    for (int phase = 0; phase < CPS_PHASES; phase++)
        sum->spent_ns[phase] += report->spent_ns[phase];
}

enum cps_status cps_curve_add(struct cps_curve *self, const struct cps_message *message)
{
    if (message->report.steps)
        CPS_TRY(add_losses(self, message));
    if (message->report.has_valid)
        add_validation(self, &message->report);
    return CPS_OK;
}

void cps_curve_add_server(struct cps_curve *self, const struct cps_report *report)
{
    self->optimizer_ns += report->spent_ns[CPS_PHASE_OPTIMIZER];
    self->snapshot_ns += report->spent_ns[CPS_PHASE_SNAPSHOT];
}

/* The train_loss so far: fastai's average of step losses or, if steps are sub-epochs, the mean over the epoch's
 * ratings. */
static double train_loss(const struct cps_curve *self)
{
    if (self->plan->solver == CPS_SOLVER_BLOCK)
        return cps_loss_value(self->epoch_loss) / (double)(self->epoch_ratings ? self->epoch_ratings : 1);
    return self->average / (1.0 - cps_power(SMOOTHING, self->finished));
}

static uint64_t epoch_end(const struct cps_curve *self)
{
    return cps_plan_steps_per_epoch(self->plan) * (self->epoch + (uint64_t)1);
}

bool cps_curve_take_step(struct cps_curve *self, struct cps_step_result *out)
{
    cps_int128 sum;
    uint64_t ratings;
    if (cps_curve_is_complete(self) || self->finished >= epoch_end(self) ||
        !cps_losses_take(&self->losses, self->plan->workers, &out->step, &sum, &ratings))
        return false;
    if (self->plan->solver == CPS_SOLVER_BATCH)
        ratings = self->plan->batch_size;
    out->hyper = cps_schedule_at(self->plan, out->step);
    out->loss = cps_loss_value(sum) / (double)(ratings > 0 ? ratings : 1);
    self->average = SMOOTHING * self->average + (1.0 - SMOOTHING) * out->loss;
    self->epoch_loss = cps_loss_add(self->epoch_loss, sum);
    self->epoch_ratings += ratings;
    self->finished++;
    out->smoothed = train_loss(self);
    return true;
}

bool cps_curve_epoch_is_complete(const struct cps_curve *self)
{
    return !cps_curve_is_complete(self) && self->finished == epoch_end(self) &&
           self->epoch_sum[self->epoch].reports == self->plan->workers;
}

/* The time of the epoch by phase. A server's report that arrives late counts for the next epoch. */
static void add_up_times(struct cps_curve *self, uint64_t own_save_ns, double spent_s[CPS_PHASES])
{
    for (int phase = 0; phase < CPS_PHASES; phase++)
        spent_s[phase] = (double)self->epoch_sum[self->epoch].spent_ns[phase] * 1e-9 / self->plan->workers;
    spent_s[CPS_PHASE_OPTIMIZER] = (double)self->optimizer_ns * 1e-9 / self->plan->servers;
    spent_s[CPS_PHASE_SNAPSHOT] = (double)self->snapshot_ns * 1e-9 / self->plan->servers;
    spent_s[CPS_PHASE_SAVE] = (double)own_save_ns * 1e-9 + spent_s[CPS_PHASE_SNAPSHOT];
    self->snapshot_ns = 0;
    self->optimizer_ns = 0;
}

void cps_curve_take_epoch(struct cps_curve *self, uint64_t own_save_ns, struct cps_epoch_result *out)
{
    const struct cps_epoch_sum *sum = &self->epoch_sum[self->epoch];
    *out = (struct cps_epoch_result){
        .epoch = self->epoch, .train_loss = train_loss(self), .has_valid = sum->valid_count > 0};
    if (out->has_valid) {
        out->valid_loss = cps_loss_value(sum->valid.squared) / (double)sum->valid_count;
        out->valid_mae = cps_loss_value(sum->valid.absolute) / (double)sum->valid_count;
    }
    add_up_times(self, own_save_ns, out->spent_s);
    self->epoch_loss = 0;
    self->epoch_ratings = 0;
    self->epoch++;
}

uint32_t cps_curve_reports(const struct cps_curve *self, uint64_t step)
{
    return step == cps_plan_steps(self->plan) ? self->epoch_sum[self->plan->epochs - 1].reports
                                              : cps_losses_reports(&self->losses, step, self->plan->workers);
}
