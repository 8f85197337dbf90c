/* Console and run folder of a run; see recorder.h. */
#include "server/record/recorder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/store/history.h"
#include "server/record/show.h"

/* Writing the records to the disk takes as long as a hundred small steps: an epoch that ends sooner than this
 * after the last write is written together with a later epoch. */
static const uint64_t WRITE_EVERY_NS = 200000000;

/* How long to wait for the disk; most writes finish within this time, which is shorter than a tick. */
static const uint64_t GRACE_NS = 20000000;

struct cps_recorder {
    struct cps_recorder_setup setup;
    struct cps_console console;
    struct cps_history history;
    struct cps_run_info info;
    struct cps_files files;
    struct cps_saver *saver;              /* NULL: makes no checkpoints */
    uint64_t train_ns, epoch_ns, save_ns; /* times at which each began */
    struct cps_recorder_seconds seconds;
    double train_before, epoch_before; /* seconds spent on each in earlier starts of the run */
    char curve_hash[CPS_SHA256_HEX_BYTES];
    uint64_t written_ns; /* when the records were last written */
    bool started, complete;
};

static double seconds_since(uint64_t then_ns)
{
    return (double)(cps_clock_ns() - then_ns) * 1e-9;
}

static void init_files(struct cps_recorder *self)
{
    const struct cps_recorder_setup *setup = &self->setup;
    const struct cps_files_setup files = {
        .writer = setup->writer,
        .plan = setup->plan,
        .dataset = setup->dataset,
        .folder = setup->folder,
        .history = &self->history,
        .record = &self->info.record,
        .options = self->info.curve_options,
        .option_count = self->info.curve_option_count,
        .log_steps = setup->options->log_steps,
        .resumed = cps_recorder_setup_checkpoint(setup) ? &cps_recorder_setup_checkpoint(setup)->state : NULL};
    cps_files_init(&self->files, &files);
}

/* Restores the epochs before the checkpoint and the best of their models. */
static enum cps_status restore_history(struct cps_recorder *self)
{
    const struct cps_checkpoint *resumed = cps_recorder_setup_checkpoint(&self->setup);
    if (!resumed)
        return CPS_OK;
    self->train_before = self->epoch_before = resumed->state.train_s;
    for (size_t i = 0; i < resumed->state.epoch_count; i++) {
        const struct cps_epoch_record *epoch = &resumed->state.epochs[i];
        CPS_TRY(cps_history_add(&self->history, epoch));
        cps_run_info_epoch(&self->info, &self->history);
        self->epoch_before = fmax(0, self->epoch_before - epoch->time_s);
    }
    if (!resumed->best)
        return CPS_OK;
    if (resumed->state.best_words != cps_plan_row_width(self->setup.plan))
        return cps_fail(CPS_ERR_DATA,
                        "the best model in the checkpoint of step %llu has rows of another length",
                        (unsigned long long)resumed->state.step);
    return cps_kept_models_restore(&self->files.kept, resumed->state.best_epoch, resumed->best);
}

/* The lengths of the records, for a checkpoint. */
static void log_lengths(void *context, struct cps_checkpoint_log *out, double *train_s)
{
    const struct cps_recorder *self = context;
    cps_files_logs(&self->files, out);
    *train_s = self->train_before + seconds_since(self->train_ns);
}

static void flush_logs(void *context)
{
    struct cps_recorder *self = context;
    cps_files_flush(&self->files);
}

static enum cps_status create_saver(struct cps_recorder *self)
{
    const struct cps_recorder_setup *setup = &self->setup;
    struct cps_saver_setup saver = {.writer = setup->writer,
                                    .run_folder = setup->folder->path,
                                    .plan = setup->plan,
                                    .identity.run_id = cps_recorder_setup_run_id(setup),
                                    .history = &self->history,
                                    .kept = &self->files.kept,
                                    .logs = {.context = self, .lengths = log_lengths, .flush = flush_logs},
                                    .keep = setup->options->keep};
    if (!setup->saves)
        return CPS_OK;
    memcpy(saver.identity.fingerprint, setup->dataset->fingerprint, CPS_SHA256_BYTES);
    CPS_TRY(cps_checkpoint_plan_digest(setup->plan, saver.identity.plan));
    return cps_saver_create(&saver, &self->saver);
}

struct cps_save_sink cps_recorder_save_sink(struct cps_recorder *self)
{
    return self->saver ? cps_saver_sink(self->saver) : (struct cps_save_sink){0};
}

enum cps_status cps_recorder_create(const struct cps_recorder_setup *setup, struct cps_recorder **out)
{
    struct cps_recorder *self;
    CPS_TRY(cps_alloc("the recorder", 1, sizeof *self, &self));
    self->setup = *setup;
    enum cps_status status = cps_run_info_init(&self->info, &self->setup);
    init_files(self);
    if (status != CPS_OK) {
        cps_recorder_destroy(&self);
        return status;
    }
    status = create_saver(self);
    if (status == CPS_OK)
        status = restore_history(self);
    if (status == CPS_OK)
        *out = self;
    else
        cps_recorder_destroy(&self);
    return status;
}

void cps_recorder_destroy(struct cps_recorder **out)
{
    struct cps_recorder *self = *out;
    if (!self)
        return;
    cps_saver_destroy(&self->saver);
    cps_files_release(&self->files);
    cps_history_release(&self->history);
    cps_run_info_release(&self->info);
    free(self);
    *out = NULL;
}

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    struct cps_recorder *self = context;
    bool news;
    /* Two files are compared, with a warning that belongs before the table. */
    CPS_TRY(cps_run_info_origin(&self->info, self->setup.options->train != NULL, &news));
    self->info.record.data.sample_bytes = start->sample_bytes;
    self->seconds.load = seconds_since(self->setup.started_ns);
    cps_show_start(&self->console, &self->setup);
    cps_show_banner(&self->console, &self->info);
    self->started = true;
    CPS_TRY(cps_files_start(&self->files));
    cps_console_table_header(&self->console);
    for (size_t i = 0; i < self->history.count; i++)
        cps_show_epoch(&self->console, &self->history.epochs[i]);
    self->train_ns = self->epoch_ns = cps_clock_ns();
    return CPS_OK;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    struct cps_recorder *self = context;
    uint64_t per_epoch = cps_plan_steps_per_epoch(self->setup.plan);
    bool news;
    cps_console_step(&self->console, (uint32_t)(step->step / per_epoch), step->step % per_epoch + 1,
                     step->smoothed, cps_clock_ns());
    CPS_TRY(cps_events_step(&self->files.events, step));
    CPS_TRY(cps_run_info_origin(&self->info, false, &news));
    if (news)
        CPS_TRY(cps_files_progress(&self->files));
    if (!self->setup.options->log_steps)
        return CPS_OK;
    return cps_step_log_add(&self->files.steps, step->step, step->hyper.lr, step->hyper.momentum, step->loss);
}

static enum cps_status check_limit(struct cps_epoch_limit *limit, uint32_t epoch)
{
    if (!limit || limit->epochs == 0 || epoch + 1 < limit->epochs)
        return CPS_OK;
    limit->reached = true;
    return cps_fail(CPS_ERR_INTERRUPTED, "ended after %u epochs", limit->epochs);
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *result)
{
    struct cps_recorder *self = context;
    uint64_t per_epoch = cps_plan_steps_per_epoch(self->setup.plan);
    double seconds = self->epoch_before + seconds_since(self->epoch_ns);
    bool news;
    CPS_TRY(cps_run_info_origin(&self->info, true, &news));
    self->epoch_ns = cps_clock_ns();
    self->epoch_before = 0;
    const struct cps_epoch_record epoch = {.epoch = result->epoch,
                                           .train_loss = result->train_loss,
                                           .valid_loss = result->valid_loss,
                                           .valid_mae = result->valid_mae,
                                           .has_valid = result->has_valid,
                                           .time_s = seconds,
                                           .steps = per_epoch * (result->epoch + 1),
                                           .ratings_per_s =
                                               (double)cps_plan_epoch_ratings(self->setup.plan) / seconds,
                                           .spent = {.compute = result->spent_s[CPS_PHASE_COMPUTE],
                                                     .wait = result->spent_s[CPS_PHASE_WAIT],
                                                     .optimizer = result->spent_s[CPS_PHASE_OPTIMIZER],
                                                     .validation = result->spent_s[CPS_PHASE_VALIDATION],
                                                     .save = result->spent_s[CPS_PHASE_SAVE]}};
    cps_show_epoch(&self->console, &epoch);
    CPS_TRY(cps_history_add(&self->history, &epoch));
    cps_run_info_epoch(&self->info, &self->history);
    CPS_TRY(cps_events_epoch(&self->files.events, &epoch));
    self->seconds.train = self->train_before + seconds_since(self->train_ns);
    if (self->epoch_ns - self->written_ns >= WRITE_EVERY_NS) {
        cps_run_info_checkpoints(&self->info, self->saver);
        CPS_TRY(cps_files_progress(&self->files));
        self->written_ns = self->epoch_ns;
    }
    self->save_ns = cps_clock_ns();
    return check_limit(self->setup.limit, result->epoch);
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    struct cps_recorder *self = context;
    self->info.record.result.diverged = true;
    self->info.record.result.diverged_step = step;
    return CPS_OK;
}

static bool wants_epoch(void *context)
{
    (void)context;
    return true;
}

/* Depends only on the history, which checkpoints save, so an interruption of the run changes nothing. */
static bool ends_early(void *context)
{
    struct cps_recorder *self = context;
    uint32_t patience = self->setup.options->early_stop;
    if (patience == 0 || cps_history_idle_epochs(&self->history) < patience)
        return false;
    self->info.record.result.patience = patience;
    self->info.record.result.planned_epochs = self->setup.plan->epochs;
    return true;
}

static enum cps_status on_epoch_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    struct cps_recorder *self = context;
    const struct cps_epoch_record *last = &self->history.epochs[self->history.count - 1];
    if (first_key == 0)
        CPS_TRY(cps_kept_models_begin(&self->files.kept, last->epoch,
                                      cps_history_best(&self->history)->epoch == last->epoch));
    cps_kept_models_add(&self->files.kept, first_key, count, rows);
    return CPS_OK;
}

static enum cps_status on_rows(void *context, uint32_t first_key, uint32_t count, const float *rows)
{
    struct cps_recorder *self = context;
    return cps_files_rows(&self->files, &(struct cps_model_rows){first_key, count, rows});
}

static enum cps_status on_complete(void *context)
{
    struct cps_recorder *self = context;
    CPS_TRY(cps_history_hash(&self->history, self->curve_hash));
    self->info.record.result.curve_sha256 = self->curve_hash;
    self->complete = true;
    if (self->saver)
        cps_saver_cancel(self->saver);
    return cps_files_complete(&self->files, self->history.epochs[self->history.count - 1].epoch);
}

static enum cps_status poll(void *context, bool *busy)
{
    struct cps_recorder *self = context;
    CPS_TRY(cps_files_poll(&self->files, GRACE_NS, busy));
    if (self->complete && !*busy && !self->info.record.result.model_sha256) {
        cps_run_info_models(&self->info, &self->files, self->files.last_epoch);
        self->seconds.save = seconds_since(self->save_ns);
    }
    return CPS_OK;
}

struct cps_observer cps_recorder_observer(struct cps_recorder *self)
{
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

static void note_end(struct cps_recorder *self, enum cps_status status)
{
    self->seconds.total = seconds_since(self->setup.started_ns);
    cps_run_info_checkpoints(&self->info, self->saver);
    cps_run_info_end(&self->info, status, &self->seconds);
}

/* Whether a run that ends with status leaves the model of its last finished epoch: not when the disk failed,
 * which may have no space for it, and not when training diverged, since the model is then no result. */
static bool leaves_model(enum cps_status status)
{
    return status == CPS_ERR_INTERRUPTED || status == CPS_ERR_PREEMPTED || status == CPS_ERR_PEER;
}

static void leave_model(struct cps_recorder *self)
{
    const struct cps_kept_model *last = self->files.kept.last;
    if (!last || cps_files_keep_model(&self->files) != CPS_OK)
        return;
    cps_run_info_models(&self->info, &self->files, last->epoch);
    cps_files_amend(&self->files);
    if (!self->setup.kept)
        return;
    cps_info("'%s' is the model after epoch %u", self->files.model_path, (unsigned)last->epoch);
    if (self->files.has_best)
        cps_info("'%s' is that of the best epoch, %u", self->files.best_path,
                 (unsigned)self->files.kept.best->epoch);
}

/* Reports the error of the run, not an error that occurred while recording it. */
enum cps_status cps_recorder_fail(struct cps_recorder *self, enum cps_status status)
{
    char text[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
    if (!self->started)
        return status;
    snprintf(text, sizeof text, "%s", cps_error_text());
    snprintf(hint, sizeof hint, "%s", cps_error_hint());
    cps_console_clear(&self->console);
    bool news;
    (void)cps_run_info_origin(&self->info, false, &news);
    note_end(self, status);
    if (cps_files_fail(&self->files) && leaves_model(status))
        leave_model(self);
    cps_fail(status, "%s", text);
    return hint[0] ? cps_hint(status, "%s", hint) : status;
}

enum cps_status cps_recorder_finish(struct cps_recorder *self, const struct cps_record_counter *counters,
                                    size_t counter_count, const struct cps_record_traffic *traffic)
{
    if (!self->started)
        return CPS_OK;
    cps_console_clear(&self->console);
    bool news;
    CPS_TRY(cps_run_info_origin(&self->info, true, &news));
    self->info.record.traffic = traffic;
    self->info.record.counters = counters;
    self->info.record.counter_count = counter_count;
    note_end(self, CPS_OK);
    CPS_TRY(cps_show_summary(&self->console, &self->info, &self->history, &self->files, self->seconds.train));
    return cps_files_end(&self->files);
}

enum cps_status cps_recorder_await(struct cps_recorder *self, uint64_t patience_ns, bool *busy)
{
    return cps_files_poll(&self->files, patience_ns, busy);
}
