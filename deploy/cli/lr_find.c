/*
 * lr-find: trains with a learning rate that grows from step to step, and stops after a hundred steps or when
 * the smoothed loss diverges.
 *
 *   plan, its schedule replaced -> a training job -> smoothed losses -> <out>.csv -> lr-plot -> <out>.svg
 *                                                                \-> "minimum …, valley …, steep …"
 *
 * The job is that of any run, so steps, batches and sums do not depend on the ranks.
 */
#include "deploy/cli/lr_find.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/cluster/launcher.h"
#include "common/model/range_test.h"
#include "deploy/cli/scratch.h"
#include "deploy/cli/script.h"
#include "deploy/training/training.h"
#include "server/coordinator/observer.h"

static const char DEFAULT_OUT[] = "lr-find";

struct lr_find {
    char scratch[CPS_SCRATCH_BYTES];
    char csv[4096], picture[4096];
    uint32_t wanted; /* steps to train */
    uint32_t count;  /* steps trained */
    bool ended, diverged;
    double loss[CPS_RANGE_TEST_STEPS], smooth[CPS_RANGE_TEST_STEPS];
    double minimum, valley, steep;
};

/* ---- before the run ---- */

/* Options that have no effect here. */
static void warn_of_idle_options(const struct cps_options *options)
{
    static const char *const idle[] = {"epochs", "early-stop", "lr-max", "schedule"};
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        if (cps_options_source(options, idle[i]) == CPS_SOURCE_COMMAND_LINE)
            cps_warn("'--%s' has no effect here: the rate grows from step to step", idle[i]);
}

static enum cps_status name_files(struct lr_find *self, const char *out)
{
    int csv = snprintf(self->csv, sizeof self->csv, "%s.csv", out);
    int picture = snprintf(self->picture, sizeof self->picture, "%s.svg", out);
    if (csv > 0 && (size_t)csv < sizeof self->csv && picture > 0 && (size_t)picture < sizeof self->picture)
        return CPS_OK;
    return cps_fail(CPS_ERR_USAGE, "'--out' is longer than a path may be");
}

static enum cps_status settle(struct lr_find *self, struct cps_options *options)
{
    warn_of_idle_options(options);
    CPS_TRY(name_files(self, options->out ? options->out : DEFAULT_OUT));
    CPS_TRY(cps_scratch_make("lr-find", self->scratch));
    free(options->out);
    options->out = strdup(self->scratch);
    return options->out ? CPS_OK : cps_fail_memory("a path", 0);
}

/* Sets enough epochs for the steps, and a batch size with which no epoch ends within a batch. */
static void replan(struct lr_find *self, struct cps_plan *plan)
{
    uint64_t per_epoch = cps_plan_steps_per_epoch(plan);
    self->wanted = cps_range_test_steps(cps_plan_largest_decay(plan));
    plan->schedule = CPS_SCHEDULE_RANGE_TEST;
    plan->lr_max = cps_range_test_rate(self->wanted - 1);
    plan->save_every = 0;
    if (per_epoch > 0)
        plan->epochs = (uint32_t)(self->wanted / per_epoch + 1);
}

/* ---- the run, observed in place of the recorder ---- */

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    (void)context, (void)start;
    return CPS_OK;
}

static bool is_over(const struct lr_find *self, double lowest)
{
    return self->count == self->wanted || self->smooth[self->count - 1] > CPS_RANGE_TEST_DIVERGED * lowest;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    struct lr_find *self = context;
    double lowest = INFINITY;
    self->loss[self->count] = step->loss;
    self->smooth[self->count++] = step->smoothed;
    for (uint32_t i = 0; i < self->count; i++)
        lowest = fmin(lowest, self->smooth[i]);
    self->ended = is_over(self, lowest);
    return self->ended ? cps_fail(CPS_ERR_INTERRUPTED, "ended after %u steps", self->count) : CPS_OK;
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *epoch)
{
    (void)context, (void)epoch;
    return CPS_OK;
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    struct lr_find *self = context;
    (void)step;
    self->diverged = true;
    return CPS_OK;
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    (void)context, (void)first_key, (void)count, (void)rows;
    return CPS_OK;
}

static enum cps_status on_complete(void *context)
{
    (void)context;
    return CPS_OK;
}

static struct cps_observer observer_of(struct lr_find *self)
{
    return (struct cps_observer){.context = self,
                                 .on_start = on_start,
                                 .on_step = on_step,
                                 .on_epoch = on_epoch,
                                 .on_diverged = on_diverged,
                                 .on_rows = on_rows,
                                 .on_complete = on_complete};
}

/* ---- after the run ---- */

static enum cps_status write_csv(const struct lr_find *self)
{
    struct cps_text text = {0};
    enum cps_status status = cps_text_add(&text, "lr,loss,smooth_loss\n");
    for (uint32_t i = 0; status == CPS_OK && i < self->count; i++)
        status =
            cps_text_add(&text, "%.9g,%.9g,%.9g\n", cps_range_test_rate(i), self->loss[i], self->smooth[i]);
    if (status == CPS_OK)
        status = cps_file_replace(self->csv, text.data, text.length);
    cps_text_release(&text);
    return status;
}

static enum cps_status suggest(struct lr_find *self)
{
    size_t first, count = cps_range_test_window(self->count, &first);
    if (count < 2) {
        cps_fail(CPS_ERR_DIVERGED,
                 "the loss diverged after %u steps, at a rate of %.2g: nothing can be suggested", self->count,
                 cps_range_test_rate(self->count ? self->count - 1 : 0));
        return cps_hint(CPS_ERR_DIVERGED, "'%s' has the losses", self->csv);
    }
    size_t lowest = cps_range_test_minimum(self->loss, self->count, first, count);
    self->minimum = CPS_RANGE_TEST_BELOW_MINIMUM * cps_range_test_rate(lowest);
    self->valley = cps_range_test_rate(first + cps_range_test_valley(self->smooth + first, count));
    self->steep = cps_range_test_rate(first + cps_range_test_steep(self->smooth + first, count));
    if (lowest < CPS_RANGE_TEST_STEPS / 2)
        cps_warn(
            "the loss is lowest at a rate of %.2g, where next to nothing is learnt: noise hides what the rates "
            "do; a larger '--batch-size' has less of it",
            cps_range_test_rate(lowest));
    printf("minimum %.3g, valley %.3g, steep %.3g: %s, %s\n", self->minimum, self->valley, self->steep,
           self->csv, self->picture);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CPS_OK;
    return cps_fail(CPS_ERR_STORAGE, "cannot write to the standard output: %s", strerror(errno));
}

static enum cps_status judge(struct lr_find *self, enum cps_status status)
{
    if (!self->ended && !self->diverged)
        return status;
    CPS_TRY(write_csv(self));
    return suggest(self);
}

/* Replaces this process by the program that draws the picture. */
static int draw(const struct lr_find *self)
{
    char minimum[40], valley[40], steep[40];
    const char *const arguments[] = {self->csv, self->picture, minimum, valley, steep, NULL};
    snprintf(minimum, sizeof minimum, "minimum=%.9g", self->minimum);
    snprintf(valley, sizeof valley, "valley=%.9g", self->valley);
    snprintf(steep, sizeof steep, "steep=%.9g", self->steep);
    enum cps_status status = cps_script("lr-plot", arguments);
    cps_log_error(cps_error_text(), cps_error_hint());
    return cps_status_exit_code(status);
}

static enum cps_status prepare(struct lr_find *self, struct cps_training *training, struct cps_options *options)
{
    const struct cps_observer observer = observer_of(self);
    const struct cps_training_terms terms = {.scratch = true, .no_saves = true, .observer = &observer};
    bool leads = cps_training_leads(training);
    CPS_TRY(cps_training_agree(training, leads ? settle(self, options) : CPS_OK));
    CPS_TRY(cps_training_open(training));
    CPS_TRY(cps_training_load(training));
    CPS_TRY(cps_training_plan(training));
    if (leads)
        replan(self, cps_training_planned(training));
    return cps_training_connect(training, &terms);
}

/* The first rank decides how the run ended. */
static enum cps_status find(struct lr_find *self, struct cps_training *training, struct cps_options *options)
{
    enum cps_status agreed;
    CPS_TRY(prepare(self, training, options));
    enum cps_status status = cps_training_run(training, &agreed);
    if (!cps_training_has_ended(agreed))
        return status;
    if (cps_training_leads(training))
        status = judge(self, status);
    else if (status == agreed)
        status = CPS_OK;
    return cps_training_agree(training, status);
}

int cps_lr_find(struct cps_options *options)
{
    struct lr_find self = {.count = 0};
    struct cps_training *training;
    enum cps_status status = cps_training_start(options, &training);
    if (status == CPS_OK)
        status = find(&self, training, options);
    cps_training_close(training, status);
    cps_scratch_remove(self.scratch);
    int code = cps_training_end(&training, status);
    return code == 0 && cps_launcher_find().rank == 0 ? draw(&self) : code;
}
