/*
 * Events of a run -> metrics.jsonl and tb/; see events.h.
 *
 * Events are written as they occur and are not part of any hash: a run is the same without them. The events of
 * a small run's steps, some MB per second, are buffered in memory while the disk is busy; when the buffer
 * reaches its limit, the run waits.
 */
#include "server/record/events.h"

#include <math.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/history.h"

static const uint64_t FLUSH_EVERY_US = 1000000;
static const uint64_t PATIENCE_NS = 1000000000; /* for one wait; shorter than the peer timeout */
enum {
    FLUSH_BYTES = 65536, /* a small buffer stays in the processor's cache */
    MOST_BYTES = 64 << 20,
};

void cps_events_init(struct cps_events *self, struct cps_writer *writer)
{
    *self = (struct cps_events){.writer = writer, .metrics.file.fd = -1, .tensorboard.file.fd = -1};
}

static enum cps_status go_on(struct cps_events *self, const struct cps_events_setup *setup)
{
    bool metrics_short, tensorboard_short;
    CPS_TRY(cps_metrics_continue(&self->metrics, setup->folder, setup->run_id, setup->metrics->bytes,
                                 &metrics_short));
    CPS_TRY(cps_tensorboard_continue(&self->tensorboard, setup->folder, setup->tensorboard->file,
                                     setup->tensorboard->bytes, self->flushed_us, &tensorboard_short));
    if (metrics_short || tensorboard_short)
        cps_warn("'%s' has lost events from before the checkpoint, which stay missing",
                 metrics_short ? "metrics.jsonl" : setup->tensorboard->file);
    return CPS_OK;
}

enum cps_status cps_events_open(struct cps_events *self, const struct cps_events_setup *setup)
{
    self->steps_per_epoch = setup->steps_per_epoch;
    self->steps = setup->log_steps;
    self->flushed_us = cps_wall_us();
    if (setup->metrics)
        return go_on(self, setup);
    CPS_TRY(cps_metrics_open(&self->metrics, setup->folder, setup->run_id));
    return cps_tensorboard_open(&self->tensorboard, setup->folder, self->flushed_us, setup->options,
                                setup->option_count);
}

/* axis: the x value in TensorBoard's charts. */
static enum cps_status add(struct cps_events *self, const struct cps_metrics_place *place, uint64_t axis,
                           const char *name, double value)
{
    CPS_TRY(cps_metrics_add(&self->metrics, place, name, value));
    return cps_tensorboard_scalar(&self->tensorboard, place->wall_us, axis, name, value);
}

static enum cps_status write_leaving(void *context)
{
    struct cps_events *self = context;
    CPS_TRY(cps_append_file_write(&self->metrics.file));
    return cps_append_file_write(&self->tensorboard.file);
}

static enum cps_status left(void *context, enum cps_status status)
{
    struct cps_events *self = context;
    self->leaving = false;
    return status;
}

static size_t gathered_bytes(const struct cps_events *self)
{
    return self->metrics.file.tail.length + self->tensorboard.file.tail.length;
}

/* Passes the buffered events to the writer, unless it is still writing the previous ones. */
static enum cps_status flush(struct cps_events *self, uint64_t now_us)
{
    const struct cps_write_job job = {.write = write_leaving, .written = left, .context = self};
    if (gathered_bytes(self) > MOST_BYTES)
        CPS_TRY(cps_writer_wait(self->writer, PATIENCE_NS));
    if (self->leaving || !cps_writer_has_room(self->writer, 0))
        return CPS_OK;
    self->flushed_us = now_us;
    bool lines = cps_append_file_hand_over(&self->metrics.file);
    bool records = cps_append_file_hand_over(&self->tensorboard.file);
    self->leaving = (lines || records) && cps_writer_submit(self->writer, &job);
    return CPS_OK;
}

enum cps_status cps_events_flush(struct cps_events *self)
{
    return flush(self, cps_wall_us());
}

enum cps_status cps_events_step(struct cps_events *self, const struct cps_step_result *step)
{
    if (!self->steps)
        return CPS_OK;
    const struct cps_metrics_place place = {
        .step = step->step, .epoch = (uint32_t)(step->step / self->steps_per_epoch), .wall_us = cps_wall_us()};
    CPS_TRY(add(self, &place, step->step, "step/loss", step->loss));
    CPS_TRY(add(self, &place, step->step, "step/lr", step->hyper.lr));
    CPS_TRY(add(self, &place, step->step, "step/momentum", step->hyper.momentum));
    bool due =
        self->metrics.file.tail.length >= FLUSH_BYTES || place.wall_us - self->flushed_us >= FLUSH_EVERY_US;
    return due ? flush(self, place.wall_us) : CPS_OK;
}

enum cps_status cps_events_epoch(struct cps_events *self, const struct cps_epoch_record *epoch)
{
    const struct {
        const char *name;
        double value;
    } values[] = {
        {"epoch/train_loss", epoch->train_loss},
        {"epoch/time_s", epoch->time_s},
        {"epoch/ratings_per_s", epoch->ratings_per_s},
        {"epoch/compute_s", epoch->spent.compute},
        {"epoch/wait_s", epoch->spent.wait},
        {"epoch/optimizer_s", epoch->spent.optimizer},
        {"epoch/validation_s", epoch->spent.validation},
        {"epoch/save_s", epoch->spent.save},
    };
    const struct cps_metrics_place place = {
        .step = epoch->steps - 1, .epoch = epoch->epoch, .wall_us = cps_wall_us()};
    if (epoch->has_valid) {
        CPS_TRY(add(self, &place, epoch->epoch, "epoch/valid_loss", epoch->valid_loss));
        CPS_TRY(add(self, &place, epoch->epoch, "epoch/valid_rmse", sqrt(epoch->valid_loss)));
        CPS_TRY(add(self, &place, epoch->epoch, "epoch/valid_mae", epoch->valid_mae));
    }
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        CPS_TRY(add(self, &place, epoch->epoch, values[i].name, values[i].value));
    return flush(self, place.wall_us);
}

enum cps_status cps_events_end(struct cps_events *self, bool went_well)
{
    enum cps_status status = CPS_OK, closed;
    if (self->tensorboard.file.fd >= 0)
        status = cps_tensorboard_end(&self->tensorboard, cps_wall_us(), went_well);
    closed = cps_tensorboard_close(&self->tensorboard);
    status = status == CPS_OK ? closed : status;
    closed = cps_metrics_close(&self->metrics);
    return status == CPS_OK ? closed : status;
}

void cps_events_close(struct cps_events *self)
{
    cps_tensorboard_close(&self->tensorboard);
    cps_metrics_close(&self->metrics);
}
