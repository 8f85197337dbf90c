/*
 * The run as TensorBoard reads it: one event file in the folder tb/ of a run.
 *
 *     tb/events.out.tfevents.<seconds since 1970>.<host>.<process>
 *
 * Scalars have the names of metrics.jsonl: step/… by the step of the run, epoch/… by the
 * epoch, both from 0; values are float32. The options that decide the curve are there for
 * the HPARAMS tab, with how the run ended. `tensorboard --logdir runs` shows all runs
 * beneath runs/.
 *
 * A file is a row of records, each u64 length | masked crc32c of it | data | masked crc32c
 * of the data, the data being one Event of proto/tensorboard.proto. Whole records reach the
 * file at every flush.
 */
#ifndef CPS_STORE_TENSORBOARD_H
#define CPS_STORE_TENSORBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/append.h"

struct cps_run_folder;

struct cps_tensorboard {
    struct cps_append_file file;
    uint8_t *record; /* the one being written */
    size_t record_capacity;
};

/* Continues the event file called name (tb/events…) after its first `bytes` bytes. If the file is shorter, sets
 * *is_short, leaves it unchanged and starts another one. */
enum cps_status cps_tensorboard_continue(struct cps_tensorboard *self, const struct cps_run_folder *folder,
                                         const char *name, uint64_t bytes, uint64_t wall_us, bool *is_short);

/* The name of the file, in the run's folder. */
const char *cps_tensorboard_name(const struct cps_tensorboard *self);

/* An option for the HPARAMS tab, written as a number if its value is one. */
struct cps_tensorboard_option {
    const char *name, *value; /* borrowed for the call */
};

/* Removes the event files of a former run from folder's tb/ and starts a new one, which
 * says the options. wall_us: when the run began, in microseconds since 1970.
 * CPS_ERR_STORAGE, as below. */
enum cps_status cps_tensorboard_open(struct cps_tensorboard *self, const struct cps_run_folder *folder,
                                     uint64_t wall_us, const struct cps_tensorboard_option *options,
                                     size_t count);

/* Adds one value of the series tag; kept in memory until flush. */
enum cps_status cps_tensorboard_scalar(struct cps_tensorboard *self, uint64_t wall_us, uint64_t step,
                                       const char *tag, double value);

/* Records whether the run succeeded. */
enum cps_status cps_tensorboard_end(struct cps_tensorboard *self, uint64_t wall_us, bool went_well);

/* Appends the records added since the last flush. */
enum cps_status cps_tensorboard_flush(struct cps_tensorboard *self);

/* Flushes to the disk and closes; harmless when not open. */
enum cps_status cps_tensorboard_close(struct cps_tensorboard *self);

#endif
