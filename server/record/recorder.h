/*
 * The coordinator's observer: shows a run on the console and writes its folder.
 *
 *   on_start     banner, users.tsv, movies.tsv, run.json ("running"), disk space for the model
 *   on_step      progress, steps.csv, metrics.jsonl, tb/; run.json once the hashes of the input files are known
 *   on_epoch     a row of the table, history.csv, metrics.jsonl, tb/, run.json
 *   on_rows      model.safetensors
 *   on_complete  model.safetensors under its final name
 *   finish       summary, tb/ and run.json with the end of the run
 *
 * Output is printed at once. Files are written in the background (files.h); poll reports when they are written.
 */
#ifndef CPS_SERVER_RECORD_RECORDER_H
#define CPS_SERVER_RECORD_RECORDER_H

#include "server/coordinator/observer.h"
#include "server/coordinator/saves.h"
#include "server/record/setup.h"

struct cps_recorder; /* opaque */

/* Creates a recorder. Everything in setup is borrowed for the recorder's life. */
enum cps_status cps_recorder_create(const struct cps_recorder_setup *setup, struct cps_recorder **out);
void cps_recorder_destroy(struct cps_recorder **self);

/* The observer that feeds self. */
struct cps_observer cps_recorder_observer(struct cps_recorder *self);

/* Returns the sink that writes the run's checkpoints; its member begin is NULL if the run makes none. */
struct cps_save_sink cps_recorder_save_sink(struct cps_recorder *self);

/* Ends the record of a successful run: prints the summary and begins to write the final files, with the
 * counters and the traffic of all ranks. CPS_ERR_STORAGE when the summary cannot be printed. */
enum cps_status cps_recorder_finish(struct cps_recorder *self, const struct cps_record_counter *counters,
                                    size_t counter_count, const struct cps_record_traffic *traffic);

/* Waits up to patience_ns for the final files; *busy tells whether they are still being written. */
enum cps_status cps_recorder_await(struct cps_recorder *self, uint64_t patience_ns, bool *busy);

/* Records that the run failed with status and the current error, which stays current. Takes a second at most.
 * Returns status. */
enum cps_status cps_recorder_fail(struct cps_recorder *self, enum cps_status status);

#endif
