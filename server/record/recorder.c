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
#include "server/record/files.h"
#include "server/record/saver.h"

/* Bringing the records to the disk takes as long as a hundred small steps: epochs that end
 * sooner than this after the last time are written with a later one. */
static const uint64_t WRITE_EVERY_NS = 200000000;

/* A disk that answers within this time is waited for: less than a tick, and most do. */
static const uint64_t GRACE_NS = 20000000;

struct cps_recorder {
    struct cps_recorder_setup setup;
    struct cps_console console;
    struct cps_history history;
    struct cps_run_record record;
    struct cps_files files;
    struct cps_saver *saver; /* NULL: makes no checkpoints */
    struct cps_record_option *options;
    size_t option_count, option_capacity;
    struct cps_tensorboard_option *curve_options; /* those of them that decide the curve; borrow their texts */
    size_t curve_option_count, curve_option_capacity;
    struct cps_record_timing timings[8];
    struct cps_epoch_times spent;         /* over the epochs */
    uint64_t train_ns, epoch_ns, save_ns; /* when each began */
    double train_seconds, load_seconds, save_seconds;
    double train_before, epoch_before; /* seconds of them in earlier starts of the run */
    char fingerprint[CPS_SHA256_HEX_BYTES], curve_hash[CPS_SHA256_HEX_BYTES];
    char state[CPS_ERROR_BYTES + 16];
    uint64_t written_ns; /* when the records were last written */
    bool started, complete;
};

static double seconds_since(uint64_t then_ns)
{
    return (double)(cps_clock_ns() - then_ns) * 1e-9;
}

static enum cps_status add_curve_option(struct cps_recorder *self, const struct cps_record_option *option)
{
    CPS_TRY(cps_grow("recorded options", &self->curve_options, &self->curve_option_capacity,
                     self->curve_option_count + 1, sizeof *self->curve_options));
    self->curve_options[self->curve_option_count++] =
        (struct cps_tensorboard_option){option->name, option->value};
    return CPS_OK;
}

static enum cps_status add_option(void *context, const struct cps_option_view *seen)
{
    struct cps_recorder *self = context;
    CPS_TRY(cps_grow("recorded options", &self->options, &self->option_capacity, self->option_count + 1,
                     sizeof *self->options));
    struct cps_record_option *option = &self->options[self->option_count];
    *option = (struct cps_record_option){.name = strdup(seen->name),
                                         .value = seen->value ? strdup(seen->value) : NULL,
                                         .source = seen->source,
                                         .decides_curve = seen->decides_curve};
    self->option_count++;
    if (!option->name || (seen->value && !option->value))
        return cps_fail_memory("a recorded option", 0);
    return seen->decides_curve && seen->value ? add_curve_option(self, option) : CPS_OK;
}

static const char *model_name(const struct cps_plan *plan)
{
    return plan->model == CPS_MODEL_BIAS ? "bias" : "dot";
}

/* What the run goes on from, or NULL. */
static const struct cps_checkpoint *checkpoint_of(const struct cps_recorder_setup *setup)
{
    return setup->former ? setup->former->checkpoint : NULL;
}

static uint64_t run_id_of(const struct cps_recorder_setup *setup)
{
    return setup->former ? setup->former->run_id : setup->run_id;
}

static void fill_record(struct cps_recorder *self)
{
    const struct cps_recorder_setup *setup = &self->setup;
    const struct cps_plan *plan = setup->plan;
    const struct cps_dataset *data = setup->dataset;
    struct cps_run_record *record = &self->record;
    const struct cps_checkpoint *resumed = checkpoint_of(setup);
    *record = (struct cps_run_record){.run_id = run_id_of(setup),
                                      .former_starts = setup->former ? setup->former->starts : NULL,
                                      .first_step = resumed ? resumed->state.step : 0,
                                      .state = "running",
                                      .started = time(NULL),
                                      .origin = *setup->origin,
                                      .options = self->options,
                                      .option_count = self->option_count,
                                      .transport = setup->transport,
                                      .isa = setup->isa,
                                      .network = setup->network,
                                      .encrypted = setup->encrypted,
                                      .consistency = "bsp",
                                      .servers = plan->servers,
                                      .workers = plan->workers,
                                      .ranks = setup->ranks,
                                      .rank_count = setup->rank_count,
                                      .seed = plan->seed,
                                      .timings = self->timings};
    cps_sha256_to_hex(data->fingerprint, self->fingerprint);
    record->data.description = data->description;
    record->data.fingerprint = self->fingerprint;
    record->data.columns = data->columns[0] ? data->columns : NULL;
    record->data.notes = data->notes.data;
    record->data.ratings = data->rating_count;
    record->data.train = data->train_count;
    record->data.valid = data->valid_count;
    record->data.users = data->users.rows;
    record->data.movies = data->movies.rows;
    record->data.rating_min = (double)data->rating_min;
    record->data.rating_max = (double)data->rating_max;
    const struct cps_baselines *baselines = setup->baselines;
    record->baselines.mean = baselines->mean;
    record->baselines.mean_loss = baselines->has_losses ? baselines->mean_loss : (double)NAN;
    record->baselines.biases_loss = baselines->has_losses ? baselines->biases_loss : (double)NAN;
    record->baselines.penalty = CPS_BASELINE_PENALTY;
    record->training.batch_size = plan->batch_size;
    record->training.steps_per_epoch = cps_plan_steps_per_epoch(plan);
    record->training.wd = plan->wd;
    record->model.offset = (double)plan->offset;
    record->model.kind = model_name(plan);
    record->model.factors = plan->factors;
    record->model.has_range = plan->has_range;
    record->model.range_low = (double)plan->range_low;
    record->model.range_high = (double)plan->range_high;
    record->model.parameters = (uint64_t)cps_plan_keys(plan) * cps_plan_row_width(plan);
}

static void init_files(struct cps_recorder *self)
{
    const struct cps_recorder_setup *setup = &self->setup;
    const struct cps_files_setup files = {.writer = setup->writer,
                                          .plan = setup->plan,
                                          .dataset = setup->dataset,
                                          .folder = setup->folder,
                                          .history = &self->history,
                                          .record = &self->record,
                                          .options = self->curve_options,
                                          .option_count = self->curve_option_count,
                                          .log_steps = setup->options->log_steps,
                                          .resumed =
                                              checkpoint_of(setup) ? &checkpoint_of(setup)->state : NULL};
    cps_files_init(&self->files, &files);
}

static void note_result(struct cps_recorder *self, const struct cps_epoch_record *epoch)
{
    const struct cps_epoch_record *best = cps_history_best(&self->history);
    struct cps_run_record *record = &self->record;
    record->result.epochs = epoch->epoch + 1;
    record->result.best_epoch = best->epoch;
    record->result.steps = epoch->steps;
    record->result.train_loss = epoch->train_loss;
    record->result.valid_loss = epoch->has_valid ? epoch->valid_loss : (double)NAN;
    record->result.best_valid_loss = best->has_valid ? best->valid_loss : (double)NAN;
}

static void add_times(struct cps_epoch_times *self, const struct cps_epoch_times *more)
{
    self->compute += more->compute;
    self->wait += more->wait;
    self->optimizer += more->optimizer;
    self->validation += more->validation;
    self->save += more->save;
}

static struct cps_console_epoch row_of(const struct cps_epoch_record *epoch)
{
    return (struct cps_console_epoch){.number = epoch->epoch,
                                      .train_loss = epoch->train_loss,
                                      .has_valid = epoch->has_valid,
                                      .valid_loss = epoch->valid_loss,
                                      .valid_mae = epoch->valid_mae,
                                      .seconds = epoch->time_s};
}

static void show_epoch(struct cps_recorder *self, const struct cps_epoch_record *epoch)
{
    const struct cps_console_epoch row = row_of(epoch);
    cps_console_epoch(&self->console, &row);
}

/* The epochs before the checkpoint, and the best model of them. */
static enum cps_status restore_history(struct cps_recorder *self)
{
    const struct cps_checkpoint *resumed = checkpoint_of(&self->setup);
    if (!resumed)
        return CPS_OK;
    self->train_before = self->epoch_before = resumed->state.train_s;
    for (size_t i = 0; i < resumed->state.epoch_count; i++) {
        const struct cps_epoch_record *epoch = &resumed->state.epochs[i];
        CPS_TRY(cps_history_add(&self->history, epoch));
        add_times(&self->spent, &epoch->spent);
        note_result(self, epoch);
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

/* How long the records are, for a checkpoint. */
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
                                    .identity.run_id = run_id_of(setup),
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
    enum cps_status status = cps_options_each(setup->options, add_option, self);
    init_files(self);
    if (status != CPS_OK) {
        cps_recorder_destroy(&self);
        return status;
    }
    fill_record(self);
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
    for (size_t i = 0; i < self->option_count; i++) {
        free((void *)(uintptr_t)self->options[i].name);
        free((void *)(uintptr_t)self->options[i].value);
    }
    free(self->options);
    free(self->curve_options);
    free(self);
    *out = NULL;
}

/* "batch 64", or the block solver's order */
static void describe_order(const struct cps_plan *plan, char *out, size_t bytes)
{
    if (plan->solver == CPS_SOLVER_BLOCK)
        snprintf(out, bytes, "%u x %u blocks", plan->blocks, plan->blocks);
    else
        snprintf(out, bytes, "batch %u", plan->batch_size);
}

/* "adam, one-cycle, lr 0.005, wd 0.1, batch 64, 5 epochs" */
static void describe_recipe(const struct cps_plan *plan, char *out, size_t bytes)
{
    static const char *const optimizers[] = {"adam", "sgd", "adagrad"};
    static const char *const schedules[] = {"one-cycle", "constant", "cosine"};
    char bias[48] = "", order[48];
    describe_order(plan, order, sizeof order);
    if (plan->wd_bias != plan->wd)
        snprintf(bias, sizeof bias, " (biases %g)", plan->wd_bias);
    snprintf(out, bytes, "%s, %s, lr %g, wd %g%s, %s, %u epoch%s, seed %llu", optimizers[plan->optimizer],
             schedules[plan->schedule], plan->lr_max, plan->wd, bias, order, plan->epochs,
             plan->epochs == 1 ? "" : "s", (unsigned long long)plan->seed);
}

static void show_banner(const struct cps_recorder *self)
{
    const struct cps_recorder_setup *setup = &self->setup;
    const struct cps_plan *plan = setup->plan;
    const struct cps_run_record *record = &self->record;
    char recipe[256];
    describe_recipe(plan, recipe, sizeof recipe);
    const struct cps_console_banner banner = {.version = cps_version(),
                                              .data = record->data.description,
                                              .columns = record->data.columns,
                                              .ratings = record->data.ratings,
                                              .train = record->data.train,
                                              .valid = record->data.valid,
                                              .bytes_per_rating = (double)record->data.sample_bytes /
                                                                  (double)record->data.ratings,
                                              .users = record->data.users - 1,
                                              .movies = record->data.movies - 1,
                                              .model = record->model.kind,
                                              .factors = plan->factors,
                                              .has_range = plan->has_range,
                                              .range_low = record->model.range_low,
                                              .range_high = record->model.range_high,
                                              .parameters = record->model.parameters,
                                              .recipe = recipe,
                                              .offset = record->model.offset,
                                              .has_baselines = setup->baselines->has_losses,
                                              .mean_loss = setup->baselines->mean_loss,
                                              .biases_loss = setup->baselines->biases_loss,
                                              .ranks = (uint32_t)setup->rank_count,
                                              .servers = plan->servers,
                                              .workers = plan->workers,
                                              .hosts = setup->hosts,
                                              .host_count = setup->host_count,
                                              .transport = setup->transport,
                                              .isa = setup->isa,
                                              .network = setup->network,
                                              .encrypted = setup->encrypted,
                                              .run_folder = setup->kept ? setup->folder->path : NULL};
    cps_console_banner(&self->console, &banner);
}

static void start_console(struct cps_recorder *self)
{
    const struct cps_plan *plan = self->setup.plan;
    const struct cps_options *options = self->setup.options;
    enum cps_metrics_shown shown = options->metrics;
    const struct cps_console_setup console = {
        .out = stdout,
        .err = stderr,
        .progress = options->progress,
        .epochs = plan->epochs,
        .steps_per_epoch = cps_plan_steps_per_epoch(plan),
        .ratings_per_step = cps_plan_epoch_ratings(plan) / cps_plan_steps_per_epoch(plan),
        .shows_rmse = shown == CPS_METRICS_RMSE || shown == CPS_METRICS_RMSE_MAE,
        .shows_mae = shown == CPS_METRICS_MAE || shown == CPS_METRICS_RMSE_MAE,
        .terminal = self->setup.terminal};
    cps_console_init(&self->console, &console, cps_clock_ns());
}

static enum cps_status on_start(void *context, const struct cps_start_result *start)
{
    struct cps_recorder *self = context;
    self->record.data.sample_bytes = start->sample_bytes;
    self->load_seconds = seconds_since(self->setup.started_ns);
    start_console(self);
    show_banner(self);
    self->started = true;
    CPS_TRY(cps_files_start(&self->files));
    cps_console_table_header(&self->console);
    for (size_t i = 0; i < self->history.count; i++)
        show_epoch(self, &self->history.epochs[i]);
    self->train_ns = self->epoch_ns = cps_clock_ns();
    return CPS_OK;
}

static enum cps_status on_step(void *context, const struct cps_step_result *step)
{
    struct cps_recorder *self = context;
    uint64_t per_epoch = cps_plan_steps_per_epoch(self->setup.plan);
    cps_console_step(&self->console, (uint32_t)(step->step / per_epoch), step->step % per_epoch + 1,
                     step->smoothed, cps_clock_ns());
    CPS_TRY(cps_events_step(&self->files.events, step));
    if (!self->setup.options->log_steps)
        return CPS_OK;
    return cps_step_log_add(&self->files.steps, step->step, step->hyper.lr, step->hyper.momentum, step->loss);
}

static void note_checkpoints(struct cps_recorder *self)
{
    if (!self->saver)
        return;
    const struct cps_saver_account *account = cps_saver_account(self->saver);
    self->record.checkpoints = (struct cps_record_checkpoints){.saved = account->saved,
                                                               .failed = account->failed,
                                                               .skipped = account->skipped,
                                                               .bytes = account->bytes,
                                                               .last_step = account->last_step,
                                                               .seconds = account->seconds};
}

static enum cps_status on_epoch(void *context, const struct cps_epoch_result *result)
{
    struct cps_recorder *self = context;
    uint64_t per_epoch = cps_plan_steps_per_epoch(self->setup.plan);
    double seconds = self->epoch_before + seconds_since(self->epoch_ns);
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
    show_epoch(self, &epoch);
    CPS_TRY(cps_history_add(&self->history, &epoch));
    add_times(&self->spent, &epoch.spent);
    note_result(self, &epoch);
    CPS_TRY(cps_events_epoch(&self->files.events, &epoch));
    self->train_seconds = self->train_before + seconds_since(self->train_ns);
    if (self->epoch_ns - self->written_ns >= WRITE_EVERY_NS) {
        note_checkpoints(self);
        CPS_TRY(cps_files_progress(&self->files));
        self->written_ns = self->epoch_ns;
    }
    self->save_ns = cps_clock_ns();
    return CPS_OK;
}

static enum cps_status on_diverged(void *context, uint64_t step)
{
    struct cps_recorder *self = context;
    self->record.result.diverged = true;
    self->record.result.diverged_step = step;
    return CPS_OK;
}

static bool wants_epoch(void *context)
{
    (void)context;
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
    self->record.result.curve_sha256 = self->curve_hash;
    self->complete = true;
    if (self->saver)
        cps_saver_cancel(self->saver);
    return cps_files_complete(&self->files, self->history.epochs[self->history.count - 1].epoch);
}

/* Which models are in the folder. */
static void note_models(struct cps_recorder *self, uint32_t epoch)
{
    self->record.result.model_epoch = epoch;
    self->record.result.model_sha256 = self->files.model_hash;
    if (self->files.has_best)
        self->record.result.best_model_sha256 = self->files.best_hash;
}

static enum cps_status poll(void *context, bool *busy)
{
    struct cps_recorder *self = context;
    CPS_TRY(cps_files_poll(&self->files, GRACE_NS, busy));
    if (self->complete && !*busy && !self->record.result.model_sha256) {
        note_models(self, self->files.last_epoch);
        self->save_seconds = seconds_since(self->save_ns);
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
                                 .on_rows = on_rows,
                                 .on_complete = on_complete,
                                 .poll = poll};
}

/* Over all steps that were trained; of an epoch that was cut, its share. */
static uint64_t ratings_trained(const struct cps_recorder *self)
{
    const struct cps_plan *plan = self->setup.plan;
    uint64_t per_epoch = cps_plan_steps_per_epoch(plan), steps = self->record.result.steps;
    return steps / per_epoch * cps_plan_epoch_ratings(plan) +
           steps % per_epoch * (cps_plan_epoch_ratings(plan) / per_epoch);
}

static enum cps_status show_summary(struct cps_recorder *self)
{
    const struct cps_epoch_record *best = cps_history_best(&self->history);
    struct cps_console_summary summary = {.has_epochs = best != NULL,
                                          .has_baselines = self->setup.baselines->has_losses,
                                          .mean_loss = self->setup.baselines->mean_loss,
                                          .biases_loss = self->setup.baselines->biases_loss,
                                          .model_path = self->setup.kept ? self->files.model_path : NULL,
                                          .model_sha256 = self->files.model_hash,
                                          .curve_sha256 = self->curve_hash,
                                          .seconds = self->train_seconds,
                                          .ratings = ratings_trained(self)};
    if (best) {
        summary.best = row_of(best);
        summary.last = row_of(&self->history.epochs[self->history.count - 1]);
    }
    if (self->setup.kept && self->files.has_best)
        summary.best_path = self->files.best_path;
    cps_console_summary(&self->console, &summary);
    return cps_console_finish(&self->console);
}

static void note_end(struct cps_recorder *self, enum cps_status status)
{
    if (status == CPS_OK)
        snprintf(self->state, sizeof self->state, "done");
    else
        snprintf(self->state, sizeof self->state, "%s: %s", status == CPS_ERR_PREEMPTED ? "stopped" : "failed",
                 cps_error_text());
    note_checkpoints(self);
    self->record.state = self->state;
    self->record.exit_code = cps_status_exit_code(status);
    self->record.ended = time(NULL);
    const struct cps_record_timing timings[] = {{"load", self->load_seconds},
                                                {"train", self->train_seconds},
                                                {"compute", self->spent.compute},
                                                {"wait", self->spent.wait},
                                                {"optimizer", self->spent.optimizer},
                                                {"validation", self->spent.validation},
                                                {"save", self->spent.save + self->save_seconds},
                                                {"total", seconds_since(self->setup.started_ns)}};
    _Static_assert(sizeof timings == sizeof self->timings, "a timing has no place");
    memcpy(self->timings, timings, sizeof timings);
    self->record.timing_count = sizeof timings / sizeof timings[0];
}

/* Whether a run that ends so leaves the model of the last epoch that is over. Where the disk is at fault there
 * is no room for it, and of training that diverged nobody should take it for a result. */
static bool leaves_model(enum cps_status status)
{
    return status == CPS_ERR_INTERRUPTED || status == CPS_ERR_PREEMPTED || status == CPS_ERR_PEER;
}

static void leave_model(struct cps_recorder *self)
{
    const struct cps_kept_model *last = self->files.kept.last;
    if (!last || cps_files_keep_model(&self->files) != CPS_OK)
        return;
    note_models(self, last->epoch);
    cps_files_amend(&self->files);
    if (!self->setup.kept)
        return;
    cps_info("'%s' is the model after epoch %u", self->files.model_path, (unsigned)last->epoch);
    if (self->files.has_best)
        cps_info("'%s' is that of the best epoch, %u", self->files.best_path,
                 (unsigned)self->files.kept.best->epoch);
}

/* The error to report is the run's, not one of writing about it. */
enum cps_status cps_recorder_fail(struct cps_recorder *self, enum cps_status status)
{
    char text[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
    if (!self->started)
        return status;
    snprintf(text, sizeof text, "%s", cps_error_text());
    snprintf(hint, sizeof hint, "%s", cps_error_hint());
    cps_console_clear(&self->console);
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
    self->record.traffic = traffic;
    self->record.counters = counters;
    self->record.counter_count = counter_count;
    note_end(self, CPS_OK);
    CPS_TRY(show_summary(self));
    return cps_files_end(&self->files);
}

enum cps_status cps_recorder_await(struct cps_recorder *self, uint64_t patience_ns, bool *busy)
{
    return cps_files_poll(&self->files, patience_ns, busy);
}
