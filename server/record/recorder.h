/*
 * The coordinator's observer: shows a run on the console and writes its folder.
 *
 *   on_start     banner, users.tsv, movies.tsv, run.json ("running"), room for the model
 *   on_step      progress, steps.csv, metrics.jsonl, tb/
 *   on_epoch     a row of the table, history.csv, metrics.jsonl, tb/, run.json
 *   on_rows      model.safetensors
 *   on_complete  model.safetensors under its name
 *   finish       summary, tb/ and run.json with its end
 *
 * It prints at once; files are written in the background (files.h), and poll reports when they are done.
 */
#ifndef CPS_SERVER_RECORD_RECORDER_H
#define CPS_SERVER_RECORD_RECORDER_H

#include "server/coordinator/observer.h"
#include "server/coordinator/saves.h"
#include "server/record/setup.h"

struct cps_recorder; /* opaque */

/* Everything in setup is borrowed for the recorder's life. */
enum cps_status cps_recorder_create(const struct cps_recorder_setup *setup, struct cps_recorder **out);
void cps_recorder_destroy(struct cps_recorder **self);

/* The observer that feeds self. */
struct cps_observer cps_recorder_observer(struct cps_recorder *self);

/* The sink for its checkpoints, if it makes any: begin is NULL where it does not. */
struct cps_save_sink cps_recorder_save_sink(struct cps_recorder *self);

/* The run went well: prints its summary and begins to write its end, with the counters and the traffic of all
 * ranks. What cannot be printed is CPS_ERR_STORAGE. */
enum cps_status cps_recorder_finish(struct cps_recorder *self, const struct cps_record_counter *counters,
                                    size_t counter_count, const struct cps_record_traffic *traffic);

/* *busy: that end is still being written; waits for patience_ns at most. */
enum cps_status cps_recorder_await(struct cps_recorder *self, uint64_t patience_ns, bool *busy);

/* The run failed with status and the current error, which goes into the record and stays current. Takes a
 * second at most. Returns status. */
enum cps_status cps_recorder_fail(struct cps_recorder *self, enum cps_status status);

#endif
