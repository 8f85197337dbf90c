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
    bool leaving; /* lines and records that are on their way */
    struct cps_metrics metrics;
    struct cps_tensorboard tensorboard;
    uint64_t steps_per_epoch;
    bool steps;          /* have events of their own */
    uint64_t flushed_us; /* wall clock */
};

struct cps_events_setup {
    const struct cps_run_folder *folder; /* started */
    uint64_t run_id, steps_per_epoch;
    bool log_steps; /* loss, learning rate and momentum of every step; else epochs alone */
    const struct cps_tensorboard_option *options; /* that decide the curve */
    size_t option_count;
    const struct cps_checkpoint_log *metrics, *tensorboard; /* to go on with; NULL: anew */
};

/* Event files that are closed. writer, which brings them to the disk, is borrowed. */
void cps_events_init(struct cps_events *self, struct cps_writer *writer);

/* Starts both files anew, or goes on with them, on whatever thread calls it. CPS_ERR_STORAGE, as below. */
enum cps_status cps_events_open(struct cps_events *self, const struct cps_events_setup *setup);

/* Passes new events to the writer, unless the previous ones are still being written. */
enum cps_status cps_events_flush(struct cps_events *self);

/* A finished step. Hands what there is to the writer about once a second, and is told of an error by it; waits
 * for a disk that is very far behind. */
enum cps_status cps_events_step(struct cps_events *self, const struct cps_step_result *step);

/* A finished epoch; hands all before it to the writer. */
enum cps_status cps_events_epoch(struct cps_events *self, const struct cps_epoch_record *epoch);

/* How the run ended; closes the files, on whatever thread calls it once nothing is on its way. Harmless when
 * they are not open. */
enum cps_status cps_events_end(struct cps_events *self, bool went_well);

/* Closes the files of a run of which no more is known. */
void cps_events_close(struct cps_events *self);

#endif
