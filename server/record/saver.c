/*
 * Checkpoints as jobs of the writer's thread; see saver.h.
 *
 *     owner:   begin -> [begin job]  rows -> [ring of row jobs]  end -> [end job]
 *     writer:           folder               append, hash              flush, manifest, prune
 *
 * The writer takes a bounded number of jobs; the others wait here, in order. The end job is repeated when a
 * record has not reached its file yet.
 */
#include "server/record/saver.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"

struct row_job {
    struct cps_saver *saver;
    uint32_t server;
    struct cps_buffer *payload;
};

struct cps_saver {
    struct cps_saver_setup setup;
    struct cps_saver_account account;
    enum cps_save_outcome outcome;
    bool failed;       /* the current checkpoint has failed, which was reported */
    bool begins, ends; /* a begin or end job waits for the writer */
    uint64_t begun_ns;
    struct row_job ring[CPS_SAVER_ROWS];
    uint32_t promised;     /* rows requested from a server */
    uint32_t first, count; /* row jobs in the ring that are not yet written */
    uint32_t taken;        /* those of them that the writer has taken */
    uint64_t bytes;        /* of the current checkpoint */
    uint64_t best_step;
    struct cps_kept_model *best;     /* of the current checkpoint, pinned; NULL: it has none */
    struct cps_epoch_record *epochs; /* of the current checkpoint: a copy */
    size_t epoch_capacity;
    atomic_bool cancelled;
    /* Belongs to the writer's thread from the begin job to the outcome of the end job. */
    struct cps_checkpoint_state state;
    struct cps_checkpoint_writer *checkpoint;
    bool exists, broken, valid, too_early;
};

enum cps_status cps_saver_create(const struct cps_saver_setup *setup, struct cps_saver **out)
{
    struct cps_saver *self;
    CPS_TRY(cps_alloc("checkpoints", 1, sizeof *self, &self));
    self->setup = *setup;
    *out = self;
    return CPS_OK;
}

void cps_saver_destroy(struct cps_saver **out)
{
    struct cps_saver *self = *out;
    *out = NULL;
    if (!self)
        return;
    for (uint32_t i = 0; i < self->count; i++)
        cps_buffer_release(self->ring[(self->first + i) % CPS_SAVER_ROWS].payload);
    cps_checkpoint_writer_destroy(&self->checkpoint);
    free(self->epochs);
    free(self);
}

void cps_saver_cancel(struct cps_saver *self)
{
    self->cancelled = true;
}

const struct cps_saver_account *cps_saver_account(const struct cps_saver *self)
{
    return &self->account;
}

/* ---- on the writer's thread ---- */

static enum cps_status note(struct cps_saver *self, enum cps_status status)
{
    self->broken = self->broken || status != CPS_OK;
    return status;
}

static enum cps_status write_begin(void *context)
{
    struct cps_saver *self = context;
    self->exists = self->valid = false;
    self->broken = self->cancelled || self->failed;
    if (self->broken)
        return CPS_OK;
    return note(self,
                cps_checkpoint_writer_create(self->setup.run_folder, &self->state, self->setup.plan->servers,
                                             &self->exists, &self->checkpoint));
}

static enum cps_status write_rows(void *context)
{
    struct row_job *job = context;
    struct cps_saver *self = job->saver;
    if (self->broken || self->exists || self->cancelled)
        return CPS_OK;
    return note(self, cps_checkpoint_writer_rows(self->checkpoint, job->server, job->payload->data,
                                                 job->payload->size));
}

static enum cps_status write_end(void *context)
{
    struct cps_saver *self = context;
    bool are_there = true;
    enum cps_status status = CPS_OK;
    if (!self->broken && !self->cancelled) {
        status = note(self, cps_checkpoint_sync_logs(self->setup.run_folder, &self->state, &are_there));
        self->too_early = status == CPS_OK && !are_there;
        if (self->too_early)
            return CPS_OK;
        if (status == CPS_OK && self->best)
            status = note(self, cps_checkpoint_writer_best(self->checkpoint, &self->state, self->best->rows));
        if (status == CPS_OK)
            status = note(self, cps_checkpoint_writer_commit(self->checkpoint, &self->state));
        self->valid = status == CPS_OK;
    }
    cps_checkpoint_writer_destroy(&self->checkpoint);
    if (self->valid)
        status = cps_checkpoints_prune(self->setup.run_folder, self->setup.keep, self->best_step);
    return status;
}

/* ---- on the owner's thread: outcomes ---- */

/* Warns of a failure once; the run continues. */
static enum cps_status fail(struct cps_saver *self, enum cps_status status)
{
    if (status == CPS_OK || self->failed)
        return CPS_OK;
    self->failed = true;
    cps_warn("the checkpoint of step %llu could not be written: %s", (unsigned long long)self->state.step,
             cps_error_text());
    return CPS_OK;
}

static enum cps_status begun(void *context, enum cps_status status)
{
    return fail(context, status);
}

static enum cps_status rows_written(void *context, enum cps_status status)
{
    struct row_job *job = context;
    struct cps_saver *self = job->saver;
    cps_buffer_release(job->payload);
    self->first = (self->first + 1) % CPS_SAVER_ROWS;
    self->count--;
    self->taken--;
    return fail(self, status);
}

static enum cps_status ended(void *context, enum cps_status status)
{
    struct cps_saver *self = context;
    if (self->too_early) {
        self->too_early = false;
        self->ends = true;
        return CPS_OK;
    }
    cps_kept_model_unpin(self->best);
    self->best = NULL;
    if (!self->valid) {
        fail(self, status);
        self->account.failed++;
        self->outcome = CPS_SAVE_FAILED;
        return CPS_OK;
    }
    if (status != CPS_OK)
        cps_warn("older checkpoints are still there: %s", cps_error_text());
    self->account.saved++;
    self->account.last_step = self->state.step;
    self->account.bytes += self->bytes;
    self->account.seconds += (double)(cps_clock_ns() - self->begun_ns) * 1e-9;
    self->outcome = CPS_SAVE_VALID;
    return CPS_OK;
}

static bool submit(struct cps_saver *self, enum cps_status (*write)(void *),
                   enum cps_status (*written)(void *, enum cps_status), void *context, size_t bytes)
{
    const struct cps_write_job job = {write, written, context, bytes};
    return cps_writer_submit(self->setup.writer, &job);
}

/* Passes as many waiting jobs to the writer as it accepts. */
static void pump(struct cps_saver *self)
{
    if (self->begins && !submit(self, write_begin, begun, self, 0))
        return;
    self->begins = false;
    while (self->taken < self->count) {
        struct row_job *job = &self->ring[(self->first + self->taken) % CPS_SAVER_ROWS];
        if (!submit(self, write_rows, rows_written, job, job->payload->capacity))
            return;
        self->taken++;
    }
    if (!self->ends || (self->best && !self->best->whole))
        return;
    self->setup.logs.flush(self->setup.logs.context);
    self->ends = !submit(self, write_end, ended, self, 0);
}

/* ---- the sink ---- */

/* The model of the best epoch up to a mark, unless that is the last epoch, whose model is read at the end of
 * the run. */
static struct cps_kept_model *pin_best(struct cps_saver *self, uint32_t epochs)
{
    struct cps_history until = *self->setup.history;
    until.count = epochs;
    const struct cps_epoch_record *best = cps_history_best(&until);
    return best && best->epoch + 1 < self->setup.plan->epochs
               ? cps_kept_models_pin(self->setup.kept, best->epoch)
               : NULL;
}

static void on_mark(void *context, struct cps_save_mark *mark)
{
    struct cps_saver *self = context;
    struct cps_checkpoint_log logs[CPS_CHECKPOINT_LOGS] = {0};
    _Static_assert((int)CPS_CHECKPOINT_LOGS == (int)CPS_SAVE_RECORDS, "a length for each record");
    self->setup.logs.lengths(self->setup.logs.context, logs, &mark->train_s);
    for (size_t i = 0; i < CPS_CHECKPOINT_LOGS; i++)
        mark->record_bytes[i] = logs[i].bytes;
    mark->best = pin_best(self, mark->epochs);
}

/* The epochs up to the mark; the run's history continues to grow after them. */
static bool copy_epochs(struct cps_saver *self, uint32_t count)
{
    if (cps_grow("epochs", &self->epochs, &self->epoch_capacity, count, sizeof *self->epochs) != CPS_OK)
        return false;
    if (count)
        memcpy(self->epochs, self->setup.history->epochs, count * sizeof *self->epochs);
    return true;
}

static void on_begin(void *context, const struct cps_save_mark *mark)
{
    struct cps_saver *self = context;
    const struct cps_plan *plan = self->setup.plan;
    double now_s;
    self->state = (struct cps_checkpoint_state){.identity = self->setup.identity,
                                                .step = mark->step,
                                                .average = mark->average,
                                                .epoch_loss = mark->epoch_loss,
                                                .epoch_ratings = mark->epoch_ratings,
                                                .keys = cps_plan_keys(plan),
                                                .words = cps_plan_state_words(plan),
                                                .train_s = mark->train_s};
    self->best = mark->best;
    if (self->best) {
        self->state.has_best = true;
        self->state.best_epoch = self->best->epoch;
        self->state.best_words = cps_plan_row_width(plan);
    }
    self->setup.logs.lengths(self->setup.logs.context, self->state.logs, &now_s);
    for (size_t i = 0; i < CPS_CHECKPOINT_LOGS; i++)
        self->state.logs[i].bytes = mark->record_bytes[i];
    self->outcome = CPS_SAVE_PENDING;
    self->failed = self->ends = false;
    self->begins = true;
    self->begun_ns = cps_clock_ns();
    self->bytes = 0;
    if (!copy_epochs(self, mark->epochs))
        fail(self, CPS_ERR_MEMORY);
    self->state.epochs = self->epochs;
    self->state.epoch_count = self->failed ? 0 : mark->epochs;
    pump(self);
}

static void on_rows(void *context, uint32_t server, const struct cps_state *state, struct cps_buffer *payload)
{
    struct cps_saver *self = context;
    (void)state;
    self->promised--;
    self->bytes += payload->size;
    self->ring[(self->first + self->count++) % CPS_SAVER_ROWS] =
        (struct row_job){self, server, cps_buffer_retain(payload)};
    pump(self);
}

static bool reserve(void *context)
{
    struct cps_saver *self = context;
    if (self->count + self->promised >= CPS_SAVER_ROWS)
        return false;
    self->promised++;
    return true;
}

static void on_end(void *context)
{
    struct cps_saver *self = context;
    const struct cps_epoch_record *best = cps_history_best(self->setup.history);
    self->best_step = best ? best->steps : 0;
    self->ends = true;
    pump(self);
}

static enum cps_save_outcome outcome(void *context)
{
    struct cps_saver *self = context;
    pump(self);
    return self->outcome;
}

static void on_skip(void *context, const struct cps_save_mark *mark)
{
    struct cps_saver *self = context;
    cps_kept_model_unpin(mark->best);
    if (self->account.skipped++ == 0)
        cps_warn("no checkpoint of step %llu: the one before is still being written; later ones that are "
                 "skipped are not mentioned",
                 (unsigned long long)mark->step);
}

struct cps_save_sink cps_saver_sink(struct cps_saver *self)
{
    return (struct cps_save_sink){.context = self,
                                  .mark = on_mark,
                                  .begin = on_begin,
                                  .rows = on_rows,
                                  .reserve = reserve,
                                  .end = on_end,
                                  .outcome = outcome,
                                  .skip = on_skip};
}
