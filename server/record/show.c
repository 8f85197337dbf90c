/* Banner, table and summary of a run, from its record; see show.h. */
#include "server/record/show.h"

#include <stdio.h>

#include "common/base/clock.h"

void cps_show_start(struct cps_console *console, const struct cps_recorder_setup *setup)
{
    const struct cps_plan *plan = setup->plan;
    const struct cps_options *options = setup->options;
    enum cps_metrics_shown shown = options->metrics;
    const struct cps_console_setup shown_on = {
        .out = stdout,
        .err = stderr,
        .progress = options->progress,
        .epochs = plan->epochs,
        .steps_per_epoch = cps_plan_steps_per_epoch(plan),
        .ratings_per_step = cps_plan_epoch_ratings(plan) / cps_plan_steps_per_epoch(plan),
        .shows_rmse = shown == CPS_METRICS_RMSE || shown == CPS_METRICS_RMSE_MAE,
        .shows_mae = shown == CPS_METRICS_MAE || shown == CPS_METRICS_RMSE_MAE,
        .terminal = setup->terminal};
    cps_console_init(console, &shown_on, cps_clock_ns());
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
    static const char *const schedules[] = {"one-cycle", "constant", "cosine", "range test"};
    char bias[64] = "", order[48];
    describe_order(plan, order, sizeof order);
    if (plan->wd_bias != plan->wd)
        snprintf(bias, sizeof bias, " (biases %g)", plan->wd_bias);
    if (plan->wd_movie_bias > 0)
        snprintf(bias, sizeof bias, " (biases %g, of items %g)", plan->wd_bias, plan->wd_movie_bias);
    if (plan->keeps_biases)
        snprintf(bias, sizeof bias, " (biases fitted)");
    snprintf(out, bytes, "%s, %s, lr %g, wd %g%s, %s, %u epoch%s, seed %llu", optimizers[plan->optimizer],
             schedules[plan->schedule], plan->lr_max, plan->wd, bias, order, plan->epochs,
             plan->epochs == 1 ? "" : "s", (unsigned long long)plan->seed);
}

void cps_show_banner(const struct cps_console *console, const struct cps_run_info *info)
{
    const struct cps_recorder_setup *setup = info->setup;
    const struct cps_plan *plan = setup->plan;
    const struct cps_run_record *record = &info->record;
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
                                              .threads = setup->threads,
                                              .network = setup->network,
                                              .encrypted = setup->encrypted,
                                              .run_folder = setup->kept ? setup->folder->path : NULL};
    cps_console_banner(console, &banner);
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

void cps_show_epoch(struct cps_console *console, const struct cps_epoch_record *epoch)
{
    const struct cps_console_epoch row = row_of(epoch);
    cps_console_epoch(console, &row);
}

enum cps_status cps_show_summary(struct cps_console *console, const struct cps_run_info *info,
                                 const struct cps_history *history, const struct cps_files *files,
                                 double seconds)
{
    const struct cps_epoch_record *best = cps_history_best(history);
    struct cps_console_summary summary = {.has_epochs = best != NULL,
                                          .has_baselines = info->setup->baselines->has_losses,
                                          .mean_loss = info->setup->baselines->mean_loss,
                                          .biases_loss = info->setup->baselines->biases_loss,
                                          .model_path = info->setup->kept ? files->model_path : NULL,
                                          .model_sha256 = files->model_hash,
                                          .curve_sha256 = info->record.result.curve_sha256,
                                          .seconds = seconds,
                                          .ratings = cps_run_info_ratings(info)};
    if (best) {
        summary.best = row_of(best);
        summary.last = row_of(&history->epochs[history->count - 1]);
        summary.patience = info->record.result.patience;
        summary.planned_epochs = info->record.result.planned_epochs;
    }
    if (info->setup->kept && files->has_best)
        summary.best_path = files->best_path;
    cps_console_summary(console, &summary);
    return cps_console_finish(console);
}
