/* Fills the record of a run; see run_info.h. */
#include "server/record/run_info.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

static enum cps_status add_curve_option(struct cps_run_info *self, const struct cps_record_option *option)
{
    CPS_TRY(cps_grow("recorded options", &self->curve_options, &self->curve_option_capacity,
                     self->curve_option_count + 1, sizeof *self->curve_options));
    self->curve_options[self->curve_option_count++] =
        (struct cps_tensorboard_option){option->name, option->value};
    return CPS_OK;
}

static enum cps_status add_option(void *context, const struct cps_option_view *seen)
{
    struct cps_run_info *self = context;
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

static const char *const optimizers[] = {CPS_OPTIMIZER_MAP(CPS_CHOICE_WORD)};

static void record_baselines(struct cps_run_info *self)
{
    const struct cps_baselines *baselines = self->setup->baselines;
    struct cps_run_record *record = &self->record;
    record->baselines.mean = baselines->mean;
    record->baselines.mean_loss = baselines->has_losses ? baselines->mean_loss : (double)NAN;
    record->baselines.biases_loss = baselines->has_losses ? baselines->biases_loss : (double)NAN;
    record->baselines.penalty = CPS_BASELINE_PENALTY;
}

static void fill_record(struct cps_run_info *self)
{
    const struct cps_recorder_setup *setup = self->setup;
    const struct cps_plan *plan = setup->plan;
    const struct cps_dataset *data = setup->dataset;
    struct cps_run_record *record = &self->record;
    const struct cps_checkpoint *resumed = cps_recorder_setup_checkpoint(setup);
    *record = (struct cps_run_record){.run_id = cps_recorder_setup_run_id(setup),
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
    record_baselines(self);
    record->training.batch_size = plan->batch_size;
    record->training.steps_per_epoch = cps_plan_steps_per_epoch(plan);
    record->training.wd = plan->wd;
    record->training.wd_bias = plan->wd_bias;
    record->training.wd_item_bias = cps_plan_movie_bias_decay(plan);
    record->training.keeps_biases = plan->keeps_biases;
    record->training.lr_max = plan->lr_max;
    record->training.epochs = plan->epochs;
    record->training.optimizer = optimizers[plan->optimizer];
    record->model.offset = (double)plan->offset;
    record->model.kind = model_name(plan);
    record->model.factors = plan->factors;
    record->model.has_range = plan->has_range;
    record->model.range_low = (double)plan->range_low;
    record->model.range_high = (double)plan->range_high;
    record->model.parameters = (uint64_t)cps_plan_keys(plan) * cps_plan_row_width(plan);
}

enum cps_status cps_run_info_origin(struct cps_run_info *self, bool waits, bool *news)
{
    const struct cps_recorder_setup *setup = self->setup;
    *news = false;
    if (self->has_origin)
        return CPS_OK;
    if (setup->complete_origin)
        CPS_TRY(setup->complete_origin(setup->origin_context, waits, news));
    else
        *news = true;
    self->has_origin = *news;
    if (*news)
        self->record.origin = *setup->origin;
    return CPS_OK;
}

enum cps_status cps_run_info_init(struct cps_run_info *self, const struct cps_recorder_setup *setup)
{
    *self = (struct cps_run_info){.setup = setup};
    enum cps_status status = cps_options_each(setup->options, add_option, self);
    if (status == CPS_OK)
        fill_record(self);
    return status;
}

void cps_run_info_release(struct cps_run_info *self)
{
    for (size_t i = 0; i < self->option_count; i++) {
        free((void *)(uintptr_t)self->options[i].name);
        free((void *)(uintptr_t)self->options[i].value);
    }
    free(self->options);
    free(self->curve_options);
    *self = (struct cps_run_info){0};
}

static void add_times(struct cps_epoch_times *self, const struct cps_epoch_times *more)
{
    self->compute += more->compute;
    self->wait += more->wait;
    self->optimizer += more->optimizer;
    self->validation += more->validation;
    self->save += more->save;
}

void cps_run_info_epoch(struct cps_run_info *self, const struct cps_history *history)
{
    const struct cps_epoch_record *epoch = &history->epochs[history->count - 1],
                                  *best = cps_history_best(history);
    struct cps_run_record *record = &self->record;
    record->result.epochs = epoch->epoch + 1;
    record->result.best_epoch = best->epoch;
    record->result.steps = epoch->steps;
    record->result.train_loss = epoch->train_loss;
    record->result.valid_loss = epoch->has_valid ? epoch->valid_loss : (double)NAN;
    record->result.best_valid_loss = best->has_valid ? best->valid_loss : (double)NAN;
    add_times(&self->spent, &epoch->spent);
}

void cps_run_info_models(struct cps_run_info *self, const struct cps_files *files, uint32_t epoch)
{
    self->record.result.model_epoch = epoch;
    self->record.result.model_sha256 = files->model_hash;
    if (files->has_best)
        self->record.result.best_model_sha256 = files->best_hash;
}

void cps_run_info_checkpoints(struct cps_run_info *self, const struct cps_saver *saver)
{
    if (!saver)
        return;
    const struct cps_saver_account *account = cps_saver_account(saver);
    self->record.checkpoints = (struct cps_record_checkpoints){.saved = account->saved,
                                                               .failed = account->failed,
                                                               .skipped = account->skipped,
                                                               .bytes = account->bytes,
                                                               .last_step = account->last_step,
                                                               .seconds = account->seconds};
}

void cps_run_info_end(struct cps_run_info *self, enum cps_status status,
                      const struct cps_recorder_seconds *seconds)
{
    if (status == CPS_OK)
        snprintf(self->state, sizeof self->state, "done");
    else
        snprintf(self->state, sizeof self->state, "%s: %s", status == CPS_ERR_PREEMPTED ? "stopped" : "failed",
                 cps_error_text());
    self->record.state = self->state;
    self->record.exit_code = cps_status_exit_code(status);
    record_baselines(self); /* they may have been fitted after training */
    self->record.ended = time(NULL);
    const struct cps_record_timing timings[] = {{"load", seconds->load},
                                                {"train", seconds->train},
                                                {"compute", self->spent.compute},
                                                {"wait", self->spent.wait},
                                                {"optimizer", self->spent.optimizer},
                                                {"validation", self->spent.validation},
                                                {"save", self->spent.save + seconds->save},
                                                {"total", seconds->total}};
    _Static_assert(sizeof timings == sizeof self->timings, "a timing has no place");
    memcpy(self->timings, timings, sizeof timings);
    self->record.timing_count = sizeof timings / sizeof timings[0];
}

uint64_t cps_run_info_ratings(const struct cps_run_info *self)
{
    const struct cps_plan *plan = self->setup->plan;
    uint64_t per_epoch = cps_plan_steps_per_epoch(plan), steps = self->record.result.steps;
    return steps / per_epoch * cps_plan_epoch_ratings(plan) +
           steps % per_epoch * (cps_plan_epoch_ratings(plan) / per_epoch);
}
