/*
 * Events of a run as lines of JSON; see metrics.h.
 *
 * recorder, each step and epoch -> add -> a line in memory -> flush -> metrics.jsonl
 *
 * A step of a small run takes 20 microseconds and always writes a line. The clock is coarse, so hundreds of
 * consecutive lines differ only in step and value; the text around these is formatted once.
 *
 *     {"run":"00000000f00dcafe","step": 1249 ,"epoch":0,"wall":…,"name":"step/loss","value": 0.95 }
 *     |------------- head ------------|      |---------------- middle ---------------------|
 */
#include "common/store/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/store/run_folder.h"

enum cps_status cps_metrics_open(struct cps_metrics *self, const struct cps_run_folder *folder, uint64_t run_id)
{
    char path[CPS_RUN_FILE_BYTES];
    *self = (struct cps_metrics){.file.fd = -1, .run_id = run_id};
    cps_run_folder_file(folder, "metrics.jsonl", path);
    return cps_append_file_open(&self->file, path, "", 0);
}

enum cps_status cps_metrics_continue(struct cps_metrics *self, const struct cps_run_folder *folder,
                                     uint64_t run_id, uint64_t bytes, bool *is_short)
{
    char path[CPS_RUN_FILE_BYTES];
    *self = (struct cps_metrics){.file.fd = -1, .run_id = run_id};
    cps_run_folder_file(folder, "metrics.jsonl", path);
    return cps_append_file_continue(&self->file, path, bytes, is_short);
}

/* Formats the text around step and value, unless it is that of the last line. */
static void set_frame(struct cps_metrics *self, const struct cps_metrics_place *place, const char *name)
{
    if (self->name && self->wall_us == place->wall_us && self->epoch == place->epoch &&
        strcmp(self->name, name) == 0)
        return;
    self->wall_us = place->wall_us;
    self->epoch = place->epoch;
    self->name = name;
    self->head_bytes =
        (size_t)snprintf(self->head, sizeof self->head, "{\"run\":\"%016" PRIx64 "\",\"step\":", self->run_id);
    self->middle_bytes = (size_t)snprintf(
        self->middle, sizeof self->middle,
        ",\"epoch\":%" PRIu32 ",\"wall\":%" PRIu64 ".%06u,\"name\":\"%.64s\",\"value\":", place->epoch,
        place->wall_us / 1000000, (unsigned)(place->wall_us % 1000000), name);
}

/* Writes the digits of number to out, and returns their number. */
static size_t put_digits(uint64_t number, char *out)
{
    char reversed[20];
    size_t count = 0;
    do
        reversed[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

enum cps_status cps_metrics_add(struct cps_metrics *self, const struct cps_metrics_place *place,
                                const char *name, double value)
{
    char line[sizeof self->head + 20 + sizeof self->middle + 32], *end = line;
    set_frame(self, place, name);
    memcpy(end, self->head, self->head_bytes);
    end += self->head_bytes;
    end += put_digits(place->step, end);
    memcpy(end, self->middle, self->middle_bytes);
    end += self->middle_bytes;
    if (isfinite(value))
        end += snprintf(end, 32, "%.9g}\n", value);
    else
        end = stpcpy(end, "null}\n");
    return cps_text_add_bytes(&self->file.tail, line, (size_t)(end - line));
}

enum cps_status cps_metrics_flush(struct cps_metrics *self)
{
    return cps_append_file_flush(&self->file);
}

enum cps_status cps_metrics_close(struct cps_metrics *self)
{
    return cps_append_file_close(&self->file);
}
