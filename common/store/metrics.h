/*
 * metrics.jsonl: the events of a run as they happen, one JSON object per line:
 *
 *     {"run":"00000000f00dcafe","step":1249,"epoch":0,"wall":1795497311.250000,"name":"step/loss","value":0.95}
 *
 *   run    as run_id in run.json
 *   step   the step it belongs to, counted from 0 over the whole run; of an epoch its last
 *   epoch  the epoch it belongs to, from 0
 *   wall   when the coordinator received it, in seconds since 1970
 *   name   step/loss, step/lr and step/momentum with --log-steps; of every epoch
 *          epoch/train_loss, epoch/valid_loss, epoch/valid_rmse, epoch/valid_mae,
 *          epoch/time_s, epoch/ratings_per_s,
 *          epoch/compute_s, epoch/wait_s, epoch/optimizer_s, epoch/validation_s and
 *          epoch/save_s, as in history.csv
 *   value  with the digits of the csv files; null when it is not finite
 *
 * Whole lines are written at every flush; a kill during one may leave a line without its
 * newline, which readers drop.
 */
#ifndef CPS_STORE_METRICS_H
#define CPS_STORE_METRICS_H

#include <stdint.h>

#include "common/base/append.h"

struct cps_run_folder;

struct cps_metrics {
    struct cps_append_file file;
    uint64_t run_id;
    uint64_t wall_us; /* of the last line, as are epoch and name */
    uint32_t epoch;
    const char *name; /* NULL before the first */
    char head[48], middle[160];
    size_t head_bytes, middle_bytes;
};

/* Where an event belongs. */
struct cps_metrics_place {
    uint64_t step;
    uint32_t epoch;
    uint64_t wall_us; /* microseconds since 1970 */
};

/* Starts metrics.jsonl in folder anew. CPS_ERR_STORAGE, as below. */
enum cps_status cps_metrics_open(struct cps_metrics *self, const struct cps_run_folder *folder,
                                 uint64_t run_id);

/* Continues metrics.jsonl after its first `bytes` bytes; see cps_append_file_continue. */
enum cps_status cps_metrics_continue(struct cps_metrics *self, const struct cps_run_folder *folder,
                                     uint64_t run_id, uint64_t bytes, bool *is_short);

/* Adds the line of an event; kept in memory until flush. name is one of the
 * above, and lives as long as self. */
enum cps_status cps_metrics_add(struct cps_metrics *self, const struct cps_metrics_place *place,
                                const char *name, double value);

/* Appends the lines added since the last flush. */
enum cps_status cps_metrics_flush(struct cps_metrics *self);

/* Flushes to the disk and closes; harmless when not open. */
enum cps_status cps_metrics_close(struct cps_metrics *self);

#endif
