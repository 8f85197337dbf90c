/*
 * Writes each event of a run both as a line of metrics.jsonl and as a record for
 * TensorBoard, under the same name (see common/store/metrics.h).
 */
#ifndef CPS_SERVER_RECORD_EVENTS_H
#define CPS_SERVER_RECORD_EVENTS_H

#include "common/store/checkpoint.h"
#include "common/store/metrics.h"
#include "common/store/tensorboard.h"
#include "common/store/writer.h"
#include "server/coordinator/coordinator.h"

struct cps_epoch_record;

struct cps_events {
    struct cps_writer *writer;
    bool leaving; /* the writer still has lines or records to write */
    struct cps_metrics metrics;
    struct cps_tensorboard tensorboard;
    uint64_t steps_per_epoch;
    bool steps;          /* log every step */
    uint64_t flushed_us; /* wall clock */
};

struct cps_events_setup {
    const struct cps_run_folder *folder; /* started */
    uint64_t run_id, steps_per_epoch;
    bool log_steps; /* loss, learning rate and momentum of every step; else epochs only */
    const struct cps_tensorboard_option *options; /* those that the loss curve depends on */
    size_t option_count;
    const struct cps_checkpoint_log *metrics, *tensorboard; /* files to continue; NULL: new files */
};

/* Initializes self with closed event files. writer, which writes them to the disk, is borrowed. */
void cps_events_init(struct cps_events *self, struct cps_writer *writer);

/* Creates both files, or opens them to continue, on the calling thread. CPS_ERR_STORAGE, as below. */
enum cps_status cps_events_open(struct cps_events *self, const struct cps_events_setup *setup);

/* Passes new events to the writer, unless the previous ones are still being written. */
enum cps_status cps_events_flush(struct cps_events *self);

/* Adds a finished step. Passes the events to the writer about once a second, and returns the writer's error if
 * there was one; waits when the disk is very far behind. */
enum cps_status cps_events_step(struct cps_events *self, const struct cps_step_result *step);

/* Adds a finished epoch and passes all events up to it to the writer. */
enum cps_status cps_events_epoch(struct cps_events *self, const struct cps_epoch_record *epoch);

/* Adds how the run ended and closes the files, on the calling thread; the writer must have nothing left to
 * write to them. Does nothing when they are not open. */
enum cps_status cps_events_end(struct cps_events *self, bool went_well);

/* Closes the files without adding how the run ended. */
void cps_events_close(struct cps_events *self);

#endif
