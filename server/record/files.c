/* The files of a run, written by jobs of the writer's thread; see files.h. */
#include "server/record/files.h"

#include <inttypes.h>
#include <stdio.h>

#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/names.h"
#include "common/store/safetensors.h"

#define SECOND_NS 1000000000u

static const uint64_t SLOW_NS = 10 * (uint64_t)SECOND_NS;
static const uint64_t DEAD_NS = 900 * (uint64_t)SECOND_NS;
static const uint64_t LAST_WORDS_NS = 300000000;

void cps_files_init(struct cps_files *self, const struct cps_files_setup *setup)
{
    *self = (struct cps_files){.setup = *setup, .steps.file.fd = -1};
    cps_events_init(&self->events, setup->writer);
    cps_kept_models_init(&self->kept, setup->plan);
    cps_run_folder_file(setup->folder, "model.safetensors", self->model_path);
    cps_run_folder_file(setup->folder, "model-best.safetensors", self->best_path);
}

void cps_files_release(struct cps_files *self)
{
    cps_safetensors_writer_destroy(&self->model);
    cps_step_log_close(&self->steps);
    cps_events_close(&self->events);
    cps_text_release(&self->history_text);
    cps_text_release(&self->record_text);
    cps_kept_models_release(&self->kept);
}

/* ---- submitting jobs ---- */

static enum cps_status finished(void *context, enum cps_status status)
{
    struct cps_files *self = context;
    self->busy = self->slow = false;
    return status;
}

static enum cps_status submit(struct cps_files *self, enum cps_status (*write)(void *),
                              enum cps_status (*written)(void *, enum cps_status))
{
    const struct cps_write_job job = {.write = write, .written = written, .context = self};
    if (!cps_writer_submit(self->setup.writer, &job))
        return cps_fail(CPS_ERR_STORAGE, "the disk behind '%s' does not accept any more data",
                        self->setup.folder->path);
    return CPS_OK;
}

static enum cps_status begin(struct cps_files *self, enum cps_status (*write)(void *))
{
    CPS_TRY(submit(self, write, finished));
    self->busy = true;
    self->busy_ns = cps_clock_ns();
    return CPS_OK;
}

static enum cps_status lay_out(struct cps_files *self)
{
    struct cps_text history = {0}, record = {0};
    enum cps_status status = cps_history_text(self->setup.history, &history);
    if (status == CPS_OK)
        status = cps_run_record_text(self->setup.record, &record);
    struct cps_text unused[] = {status == CPS_OK ? self->history_text : history,
                                status == CPS_OK ? self->record_text : record};
    if (status == CPS_OK) {
        self->history_text = history;
        self->record_text = record;
    }
    cps_text_release(&unused[0]);
    cps_text_release(&unused[1]);
    return status;
}

/* ---- on the writer's thread ---- */

static enum cps_status write_names(const struct cps_files *self)
{
    const struct cps_dataset *data = self->setup.dataset;
    CPS_TRY(cps_names_write_users(self->setup.folder, &data->users));
    return data->titled ? cps_names_write_movies(self->setup.folder, &data->movie_ids, &data->movies)
                        : cps_names_write_movies(self->setup.folder, &data->movies, NULL);
}

/* The logs of a run, in the order of a checkpoint's manifest. */
enum { METRICS, STEPS, TENSORBOARD };

static enum cps_status open_events(struct cps_files *self)
{
    const struct cps_checkpoint_state *resumed = self->setup.resumed;
    const struct cps_events_setup setup = {.folder = self->setup.folder,
                                           .run_id = self->setup.record->run_id,
                                           .steps_per_epoch = cps_plan_steps_per_epoch(self->setup.plan),
                                           .log_steps = self->setup.log_steps,
                                           .options = self->setup.options,
                                           .option_count = self->setup.option_count,
                                           .metrics = resumed ? &resumed->logs[METRICS] : NULL,
                                           .tensorboard = resumed ? &resumed->logs[TENSORBOARD] : NULL};
    return cps_events_open(&self->events, &setup);
}

static enum cps_status continue_steps(struct cps_files *self)
{
    bool is_short;
    CPS_TRY(cps_step_log_continue(&self->steps, self->setup.folder, self->setup.resumed->logs[STEPS].bytes,
                                  &is_short));
    if (is_short)
        cps_warn("'steps.csv' has lost lines from before the checkpoint, which stay missing");
    return CPS_OK;
}

/* Restores the files of a resumed run to their state after the step of its checkpoint. */
static enum cps_status write_continuation(struct cps_files *self)
{
    struct cps_run_folder *folder = self->setup.folder;
    CPS_TRY(cps_run_folder_continue(folder));
    unlink(self->best_path); /* it may be of an epoch after the checkpoint, or no longer the best */
    CPS_TRY(cps_checkpoints_rewind(folder->path, self->setup.resumed->step));
    CPS_TRY(cps_run_folder_put(folder, "history.csv", &self->history_text));
    CPS_TRY(cps_run_folder_put(folder, "run.json", &self->record_text));
    CPS_TRY(cps_model_file_create(self->model_path, self->setup.plan, &self->model));
    CPS_TRY(write_names(self));
    if (self->setup.log_steps)
        CPS_TRY(continue_steps(self));
    return open_events(self);
}

static enum cps_status write_start(void *context)
{
    struct cps_files *self = context;
    if (self->setup.resumed)
        return write_continuation(self);
    CPS_TRY(cps_checkpoints_remove(self->setup.folder->path));
    CPS_TRY(cps_run_folder_start(self->setup.folder));
    CPS_TRY(cps_run_folder_put(self->setup.folder, "run.json", &self->record_text));
    CPS_TRY(cps_model_file_create(self->model_path, self->setup.plan, &self->model));
    CPS_TRY(write_names(self));
    if (self->setup.log_steps)
        CPS_TRY(cps_step_log_open(&self->steps, self->setup.folder));
    return open_events(self);
}

static enum cps_status write_progress(void *context)
{
    struct cps_files *self = context;
    CPS_TRY(cps_run_folder_put(self->setup.folder, "history.csv", &self->history_text));
    if (self->setup.log_steps)
        CPS_TRY(cps_append_file_write(&self->steps.file));
    return cps_run_folder_put(self->setup.folder, "run.json", &self->record_text);
}

static enum cps_status write_rows(void *context)
{
    struct cps_files *self = context;
    return cps_model_file_add(self->model, self->setup.plan, &self->rows);
}

/* Writes a model kept in memory to a file. at_once: without syncing it to the disk. */
static enum cps_status write_kept(struct cps_files *self, const struct cps_kept_model *model, const char *path,
                                  bool at_once, char hex[CPS_SHA256_HEX_BYTES])
{
    const struct cps_model_rows rows = {.count = self->kept.keys, .values = model->rows};
    struct cps_safetensors_writer *file;
    CPS_TRY(cps_model_file_create(path, self->setup.plan, &file));
    enum cps_status status = cps_model_file_add(file, self->setup.plan, &rows);
    if (status == CPS_OK)
        status = at_once ? cps_safetensors_writer_finish_at_once(file, hex)
                         : cps_safetensors_writer_finish(file, hex);
    cps_safetensors_writer_destroy(&file);
    return status;
}

/* Writes the best epoch's model, unless it is the one in model.safetensors. */
static enum cps_status write_best(struct cps_files *self, uint32_t written_epoch, bool at_once)
{
    const struct cps_kept_model *best = self->kept.best;
    if (!best || best->epoch != self->setup.record->result.best_epoch || best->epoch == written_epoch)
        return CPS_OK;
    CPS_TRY(write_kept(self, best, self->best_path, at_once, self->best_hash));
    self->has_best = true;
    return CPS_OK;
}

static enum cps_status write_complete(void *context)
{
    struct cps_files *self = context;
    CPS_TRY(cps_safetensors_writer_finish(self->model, self->model_hash));
    CPS_TRY(write_best(self, self->last_epoch, false));
    return cps_step_log_close(&self->steps);
}

static enum cps_status close_logs(void *context)
{
    struct cps_files *self = context;
    enum cps_status status = cps_step_log_close(&self->steps);
    enum cps_status ended = cps_events_end(&self->events, self->went_well);
    return status == CPS_OK ? ended : status;
}

/* Writes run.json last, so that all other files are complete once it says "done". */
static enum cps_status write_end(void *context)
{
    struct cps_files *self = context;
    CPS_TRY(cps_run_folder_put(self->setup.folder, "history.csv", &self->history_text));
    CPS_TRY(close_logs(self));
    return cps_run_folder_put(self->setup.folder, "run.json", &self->record_text);
}

/* ---- on the owner's thread ---- */

enum cps_status cps_files_start(struct cps_files *self)
{
    CPS_TRY(lay_out(self));
    return begin(self, write_start);
}

static enum cps_status progressed(void *context, enum cps_status status)
{
    struct cps_files *self = context;
    self->progressing = false;
    return status;
}

enum cps_status cps_files_progress(struct cps_files *self)
{
    if (self->progressing)
        return CPS_OK;
    CPS_TRY(lay_out(self));
    if (self->setup.log_steps)
        cps_append_file_hand_over(&self->steps.file);
    CPS_TRY(submit(self, write_progress, progressed));
    self->progressing = true;
    return CPS_OK;
}

void cps_files_logs(const struct cps_files *self, struct cps_checkpoint_log out[CPS_CHECKPOINT_LOGS])
{
    out[METRICS] = (struct cps_checkpoint_log){.file = "metrics.jsonl",
                                               .bytes = cps_append_file_length(&self->events.metrics.file)};
    out[STEPS] = (struct cps_checkpoint_log){0};
    if (self->setup.log_steps)
        out[STEPS] = (struct cps_checkpoint_log){.file = "steps.csv",
                                                 .bytes = cps_append_file_length(&self->steps.file)};
    out[TENSORBOARD] =
        (struct cps_checkpoint_log){.bytes = cps_append_file_length(&self->events.tensorboard.file)};
    snprintf(out[TENSORBOARD].file, sizeof out[TENSORBOARD].file, "%s",
             cps_tensorboard_name(&self->events.tensorboard));
}

/* An error is reported when the run's end is written. */
void cps_files_flush(struct cps_files *self)
{
    (void)cps_events_flush(&self->events);
    if (self->setup.log_steps)
        (void)cps_files_progress(self);
}

enum cps_status cps_files_rows(struct cps_files *self, const struct cps_model_rows *rows)
{
    self->rows = *rows;
    return begin(self, write_rows);
}

enum cps_status cps_files_complete(struct cps_files *self, uint32_t last_epoch)
{
    self->last_epoch = last_epoch;
    return begin(self, write_complete);
}

enum cps_status cps_files_end(struct cps_files *self)
{
    self->went_well = true;
    CPS_TRY(lay_out(self));
    return begin(self, write_end);
}

/* Warns once that the disk is slow, and gives up after a much longer time. */
static enum cps_status judge_patience(struct cps_files *self)
{
    uint64_t waited_ns = cps_clock_ns() - self->busy_ns;
    if (waited_ns >= DEAD_NS)
        return cps_fail(CPS_ERR_STORAGE, "the disk behind '%s' has not answered for %" PRIu64 " s",
                        self->setup.folder->path, waited_ns / SECOND_NS);
    if (waited_ns >= SLOW_NS && !self->slow) {
        self->slow = true;
        cps_warn("the disk behind '%s' is slow: waiting for it", self->setup.folder->path);
    }
    return CPS_OK;
}

enum cps_status cps_files_poll(struct cps_files *self, uint64_t patience_ns, bool *busy)
{
    struct cps_writer *writer = self->setup.writer;
    CPS_TRY(self->busy ? cps_writer_wait(writer, patience_ns) : cps_writer_poll(writer));
    *busy = self->busy;
    return self->busy ? judge_patience(self) : CPS_OK;
}

/* Whether the writer has finished all its jobs. */
static bool is_at_rest(struct cps_files *self, uint64_t patience_ns)
{
    uint64_t until_ns = cps_clock_ns() + patience_ns, now_ns;
    while (cps_writer_pending(self->setup.writer) > 0 && (now_ns = cps_clock_ns()) < until_ns)
        cps_writer_wait(self->setup.writer, until_ns - now_ns);
    return cps_writer_pending(self->setup.writer) == 0;
}

static void write_last_words(const struct cps_files *self)
{
    struct cps_text history = {0}, record = {0};
    if (self->setup.history->count > 0 && cps_history_text(self->setup.history, &history) == CPS_OK)
        cps_run_folder_put_at_once(self->setup.folder, "history.csv", &history);
    if (cps_run_record_text(self->setup.record, &record) == CPS_OK)
        cps_run_folder_put_at_once(self->setup.folder, "run.json", &record);
    else
        cps_run_record_amend(&self->record_text, CPS_ERR_MEMORY, self->setup.folder);
    cps_text_release(&history);
    cps_text_release(&record);
}

/*
 * A job that hangs in a disk call is abandoned. The temporary file that it would rename is removed, so that it
 * cannot replace this run.json by an older one. On a full disk the record uses the space that was allocated for
 * the model.
 */
bool cps_files_fail(struct cps_files *self)
{
    bool at_rest = is_at_rest(self, LAST_WORDS_NS);
    if (at_rest)
        cps_safetensors_writer_destroy(&self->model);
    cps_run_folder_sweep(self->setup.folder);
    write_last_words(self);
    if (at_rest && begin(self, close_logs) == CPS_OK)
        at_rest = is_at_rest(self, LAST_WORDS_NS);
    return at_rest;
}

enum cps_status cps_files_keep_model(struct cps_files *self)
{
    const struct cps_kept_model *last = self->kept.last;
    CPS_TRY(write_kept(self, last, self->model_path, true, self->model_hash));
    return write_best(self, last->epoch, true);
}

enum cps_status cps_files_amend(struct cps_files *self)
{
    struct cps_text record = {0};
    enum cps_status status = cps_run_record_text(self->setup.record, &record);
    if (status == CPS_OK)
        status = cps_run_folder_put_at_once(self->setup.folder, "run.json", &record);
    cps_text_release(&record);
    return status;
}
