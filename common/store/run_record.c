/*
 * run.json: the record -> a JSON tree in a fixed order -> text -> the run folder.
 *
 * A failed allocation is reported at the end (json.h), so the calls before need no checks.
 */
#include "common/store/run_record.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/data/fingerprint.h"
#include "common/store/json.h"
#include "common/store/run_folder.h"

/* As many digits as the losses in history.csv have, on which the hash of the curve is computed. */
#define DUMP_FLAGS (JSON_INDENT(2) | JSON_REAL_PRECISION(9))

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value ? value : json_null());
}

/* Paths and host names may be any bytes; JSON is UTF-8. */
static json_t *text_value(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    if (value || !text)
        return value;
    value = json_string_nocheck(text);
    for (char *c = (char *)(uintptr_t)json_string_value(value); c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return value;
}

static json_t *real_value(double number)
{
    return isfinite(number) ? json_real(number) : NULL;
}

/* JSON integers are limited to 2^63 - 1 here; larger numbers are written as strings. */
static json_t *count_value(uint64_t number)
{
    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    return json_sprintf("%llu", (unsigned long long)number);
}

static json_t *time_value(time_t moment)
{
    struct tm utc;
    char text[32];
    if (moment == 0 || !gmtime_r(&moment, &utc))
        return NULL;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *versions_value(const struct cps_record_origin *origin)
{
    json_t *object = json_object();
    for (size_t i = 0; i < origin->version_count; i++)
        put(object, origin->versions[i].name, text_value(origin->versions[i].version));
    return object;
}

static json_t *command_value(const struct cps_record_origin *origin)
{
    json_t *object = json_object(), *arguments = json_array();
    for (size_t i = 0; i < origin->argument_count; i++)
        json_array_append_new(arguments, text_value(origin->arguments[i]));
    put(object, "arguments", arguments);
    put(object, "folder", text_value(origin->folder));
    return object;
}

static json_t *build_value(const struct cps_record_origin *origin)
{
    json_t *object = json_object();
    put(object, "revision", text_value(origin->revision));
    put(object, "compiler", text_value(origin->compiler));
    put(object, "type", text_value(origin->build_type));
    return object;
}

static json_t *machine_value(const struct cps_record_origin *origin)
{
    json_t *object = json_object();
    put(object, "host", text_value(origin->host));
    put(object, "system", text_value(origin->system));
    put(object, "architecture", text_value(origin->architecture));
    put(object, "processor", text_value(origin->processor));
    put(object, "cores", origin->cores ? count_value(origin->cores) : NULL);
    put(object, "memory_bytes", origin->memory_bytes ? count_value(origin->memory_bytes) : NULL);
    return object;
}

static json_t *inputs_value(const struct cps_record_origin *origin)
{
    json_t *list = json_array();
    for (size_t i = 0; i < origin->input_count; i++) {
        const struct cps_record_input *source = &origin->inputs[i];
        json_t *input = json_object();
        put(input, "option", text_value(source->option));
        put(input, "path", text_value(source->path));
        put(input, "bytes", count_value(source->bytes));
        put(input, "sha256", text_value(source->sha256));
        json_array_append_new(list, input);
    }
    return list;
}

static json_t *options_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    for (size_t i = 0; i < record->option_count; i++) {
        json_t *option = json_object();
        put(option, "value", text_value(record->options[i].value));
        put(option, "source", text_value(record->options[i].source));
        put(option, "decides_curve", json_boolean(record->options[i].decides_curve));
        put(object, record->options[i].name, option);
    }
    return object;
}

static json_t *ranks_value(const struct cps_run_record *record)
{
    json_t *list = json_array();
    for (size_t i = 0; i < record->rank_count; i++) {
        const struct cps_record_rank *source = &record->ranks[i];
        json_t *rank = json_object();
        put(rank, "rank", count_value(i));
        put(rank, "role", text_value(source->role));
        put(rank, "index", count_value(source->index));
        put(rank, "host", text_value(source->host));
        if (source->process > 0) {
            put(rank, "process", json_integer((json_int_t)source->process));
            put(rank, "busy_s", real_value(source->busy_s));
            put(rank, "idle_s", real_value(source->idle_s));
            put(rank, "peak_memory_bytes", count_value(source->peak_memory_bytes));
        }
        json_array_append_new(list, rank);
    }
    return list;
}

static json_t *between_hosts_value(const struct cps_record_traffic *traffic)
{
    json_t *object = traffic ? json_object() : NULL;
    if (!traffic)
        return NULL;
    put(object, "messages", count_value(traffic->between_hosts));
    put(object, "bytes", count_value(traffic->between_hosts_bytes));
    return object;
}

static json_t *strangers_value(const struct cps_record_traffic *traffic)
{
    json_t *object = traffic ? json_object() : NULL;
    if (!traffic)
        return NULL;
    put(object, "connections", count_value(traffic->strange_connections));
    put(object, "crowded_out", count_value(traffic->crowded_out));
    put(object, "messages", count_value(traffic->strange_messages));
    return object;
}

static json_t *cluster_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "transport", text_value(record->transport));
    put(object, "isa", text_value(record->isa));
    put(object, "consistency", text_value(record->consistency));
    put(object, "network", text_value(record->network));
    put(object, "encrypted", json_boolean(record->encrypted));
    put(object, "between_hosts", between_hosts_value(record->traffic));
    put(object, "strangers", strangers_value(record->traffic));
    put(object, "servers", count_value(record->servers));
    put(object, "workers", count_value(record->workers));
    put(object, "ranks", ranks_value(record));
    return object;
}

/* Newline-terminated lines as a list of strings. */
static json_t *lines_value(const char *lines)
{
    json_t *array = json_array();
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        json_array_append_new(array, json_stringn(lines, length));
        lines += length + (lines[length] == '\n');
    }
    return array;
}

static json_t *data_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "description", text_value(record->data.description));
    put(object, "fingerprint", text_value(record->data.fingerprint));
    put(object, "fingerprint_version", count_value(CPS_FINGERPRINT_VERSION));
    put(object, "columns", text_value(record->data.columns));
    put(object, "notes", lines_value(record->data.notes));
    put(object, "ratings", count_value(record->data.ratings));
    put(object, "train", count_value(record->data.train));
    put(object, "valid", count_value(record->data.valid));
    put(object, "sample_bytes", count_value(record->data.sample_bytes));
    put(object, "users", count_value(record->data.users));
    put(object, "movies", count_value(record->data.movies));
    put(object, "rating_min", real_value(record->data.rating_min));
    put(object, "rating_max", real_value(record->data.rating_max));
    return object;
}

static json_t *training_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "batch_size", count_value(record->training.batch_size));
    put(object, "steps_per_epoch", count_value(record->training.steps_per_epoch));
    put(object, "optimizer", text_value(record->training.optimizer));
    put(object, "epochs", count_value(record->training.epochs));
    put(object, "lr_max", real_value(record->training.lr_max));
    put(object, "wd", real_value(record->training.wd));
    put(object, "wd_bias", real_value(record->training.wd_bias));
    put(object, "wd_item_bias", real_value(record->training.wd_item_bias));
    put(object, "keeps_biases", json_boolean(record->training.keeps_biases));
    return object;
}

static json_t *baselines_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "mean", real_value(record->baselines.mean));
    put(object, "mean_loss", real_value(record->baselines.mean_loss));
    put(object, "biases_loss", real_value(record->baselines.biases_loss));
    put(object, "penalty", real_value(record->baselines.penalty));
    return object;
}

static json_t *model_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    json_t *range = NULL;
    if (record->model.has_range)
        range = json_pack("[o,o]", real_value(record->model.range_low), real_value(record->model.range_high));
    put(object, "kind", text_value(record->model.kind));
    put(object, "factors", count_value(record->model.factors));
    put(object, "y_range", range);
    put(object, "offset", real_value(record->model.offset));
    put(object, "parameters", count_value(record->model.parameters));
    return object;
}

/* Why the run ended before its last epoch; null if it did not. */
static json_t *early_stop_value(const struct cps_run_record *record)
{
    if (record->result.patience == 0)
        return NULL;
    json_t *object = json_object();
    put(object, "patience", count_value(record->result.patience));
    put(object, "after_epoch", count_value(record->result.epochs - 1));
    put(object, "best_epoch", count_value(record->result.best_epoch));
    put(object, "planned_epochs", count_value(record->result.planned_epochs));
    return object;
}

static json_t *result_value(const struct cps_run_record *record)
{
    bool any = record->result.epochs > 0;
    json_t *object = json_object();
    put(object, "epochs", count_value(record->result.epochs));
    put(object, "steps", count_value(record->result.steps));
    put(object, "train_loss", any ? real_value(record->result.train_loss) : NULL);
    put(object, "valid_loss", any ? real_value(record->result.valid_loss) : NULL);
    put(object, "best_epoch", any ? count_value(record->result.best_epoch) : NULL);
    put(object, "best_valid_loss", any ? real_value(record->result.best_valid_loss) : NULL);
    put(object, "early_stop", early_stop_value(record));
    put(object, "diverged_step", record->result.diverged ? count_value(record->result.diverged_step) : NULL);
    put(object, "model_epoch", record->result.model_sha256 ? count_value(record->result.model_epoch) : NULL);
    put(object, "model_sha256", text_value(record->result.model_sha256));
    put(object, "best_model_sha256", text_value(record->result.best_model_sha256));
    put(object, "curve_sha256", text_value(record->result.curve_sha256));
    return object;
}

static json_t *counters_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    for (size_t i = 0; i < record->counter_count; i++) {
        json_t *counter = json_object();
        put(counter, "messages", count_value(record->counters[i].messages));
        put(counter, "bytes", count_value(record->counters[i].bytes));
        put(object, record->counters[i].name, counter);
    }
    return object;
}

static json_t *timings_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    for (size_t i = 0; i < record->timing_count; i++)
        put(object, record->timings[i].name, real_value(record->timings[i].seconds));
    return object;
}

/* This start. */
static json_t *start_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "started", time_value(record->started));
    put(object, "ended", time_value(record->ended));
    put(object, "first_step", count_value(record->first_step));
    put(object, "host", text_value(record->origin.host));
    put(object, "transport", text_value(record->transport));
    put(object, "ranks", count_value(record->rank_count));
    put(object, "servers", count_value(record->servers));
    put(object, "workers", count_value(record->workers));
    put(object, "state", text_value(record->state));
    return object;
}

/* An earlier start; a process that was killed could not record its end. */
static json_t *former_start_value(const json_t *start)
{
    json_t *copy = json_deep_copy(start);
    const char *state = json_string_value(json_object_get(copy, "state"));
    if (state && strcmp(state, "running") == 0)
        put(copy, "state", json_string("lost: it left no end"));
    return copy;
}

static json_t *starts_value(const struct cps_run_record *record)
{
    const json_t *former = record->former_starts;
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(former); i++)
        json_array_append_new(list, former_start_value(json_array_get(former, i)));
    json_array_append_new(list, start_value(record));
    return list;
}

/* The time of the first start of the run. */
static json_t *started_value(const struct cps_run_record *record)
{
    const json_t *first = json_array_get(record->former_starts, 0);
    const json_t *started = json_object_get(first, "started");
    return started ? json_deep_copy(started) : time_value(record->started);
}

static json_t *checkpoints_value(const struct cps_run_record *record)
{
    const struct cps_record_checkpoints *checkpoints = &record->checkpoints;
    json_t *object = json_object();
    put(object, "saved", count_value(checkpoints->saved));
    put(object, "failed", count_value(checkpoints->failed));
    put(object, "skipped", count_value(checkpoints->skipped));
    put(object, "last_step", checkpoints->saved ? count_value(checkpoints->last_step) : NULL);
    put(object, "bytes", count_value(checkpoints->bytes));
    put(object, "seconds", real_value(checkpoints->seconds));
    return object;
}

static json_t *record_value(const struct cps_run_record *record)
{
    bool ended = record->ended != 0;
    json_t *object = json_object();
    put(object, "format", json_integer(CPS_RUN_RECORD_FORMAT));
    put(object, "run_id", json_sprintf("%016llx", (unsigned long long)record->run_id));
    put(object, "state", text_value(record->state));
    put(object, "exit_code", ended ? json_integer(record->exit_code) : NULL);
    put(object, "started", started_value(record));
    put(object, "ended", time_value(record->ended));
    put(object, "starts", starts_value(record));
    put(object, "checkpoints", checkpoints_value(record));
    put(object, "seed", count_value(record->seed));
    put(object, "result", result_value(record));
    put(object, "data", data_value(record));
    put(object, "training", training_value(record));
    put(object, "baselines", baselines_value(record));
    put(object, "inputs", inputs_value(&record->origin));
    put(object, "model", model_value(record));
    put(object, "options", options_value(record));
    put(object, "cluster", cluster_value(record));
    put(object, "timings_s", timings_value(record));
    put(object, "counters", counters_value(record));
    put(object, "command", command_value(&record->origin));
    put(object, "machine", machine_value(&record->origin));
    put(object, "build", build_value(&record->origin));
    put(object, "versions", versions_value(&record->origin));
    return object;
}

enum cps_status cps_run_record_text(const struct cps_run_record *self, struct cps_text *out)
{
    cps_json_begin();
    json_t *value = record_value(self);
    char *text = value ? json_dumps(value, DUMP_FLAGS) : NULL;
    json_decref(value);
    enum cps_status status = CPS_OK;
    if (!text || cps_json_is_short())
        status = cps_fail_memory("run.json", 0);
    else
        status = cps_text_add(out, "%s\n", text);
    free(text);
    return status;
}

/* The text that amend replaces, as record_value formats it. */
static const char RUNNING[] = "\"state\": \"running\",\n  \"exit_code\": null";

enum cps_status cps_run_record_amend(const struct cps_text *text, enum cps_status status,
                                     const struct cps_run_folder *folder)
{
    char path[CPS_RUN_FILE_BYTES], end[256];
    struct cps_atomic_file file;
    const char *place = text->data ? strstr(text->data, RUNNING) : NULL;
    cps_run_folder_file(folder, "run.json", path);
    if (!place)
        return cps_fail(CPS_ERR_STORAGE, "cannot write '%s': there was none before", path);
    int length = snprintf(end, sizeof end, "\"state\": \"failed: %s\",\n  \"exit_code\": %d",
                          cps_status_text(status), cps_status_exit_code(status));
    const char *rest = place + strlen(RUNNING);
    CPS_TRY(cps_atomic_file_open(&file, path));
    enum cps_status written = cps_atomic_file_write(&file, text->data, (size_t)(place - text->data));
    if (written == CPS_OK)
        written = cps_atomic_file_write(&file, end, (size_t)length);
    if (written == CPS_OK)
        written = cps_atomic_file_write(&file, rest, strlen(rest));
    if (written == CPS_OK)
        return cps_atomic_file_commit(&file);
    cps_atomic_file_abort(&file);
    return written;
}

enum cps_status cps_run_record_write(const struct cps_run_record *self, const struct cps_run_folder *folder)
{
    char path[CPS_RUN_FILE_BYTES];
    struct cps_text text = {0};
    cps_run_folder_file(folder, "run.json", path);
    enum cps_status status = cps_run_record_text(self, &text);
    if (status == CPS_OK)
        status = cps_file_replace(path, text.data, text.length);
    cps_text_release(&text);
    return status;
}
