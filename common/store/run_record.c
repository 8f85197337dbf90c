/*
 * run.json: the record -> a JSON tree in a fixed order -> text -> the run folder.
 *
 * A tree that could not be built (memory) shows as NULL in the end, because jansson's
 * functions pass NULL on; nothing on the way needs a check.
 */
#include "common/store/run_record.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/store/run_folder.h"

/* Losses are float32: nine digits are all they have. */
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
    char *ascii = strdup(text);
    for (char *c = ascii; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = ascii ? json_string(ascii) : NULL;
    free(ascii);
    return value;
}

static json_t *real_value(double number)
{
    return isfinite(number) ? json_real(number) : NULL;
}

/* JSON integers end at 2^63 here; what is above is given as a string. */
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

static json_t *cluster_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    put(object, "transport", text_value(record->transport));
    put(object, "isa", text_value(record->isa));
    put(object, "consistency", text_value(record->consistency));
    put(object, "ranks", ranks_value(record));
    return object;
}

/* Lines, each ended by a newline, as a list of texts. */
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

static json_t *model_value(const struct cps_run_record *record)
{
    json_t *object = json_object();
    json_t *range = NULL;
    if (record->model.has_range)
        range = json_pack("[o,o]", real_value(record->model.range_low), real_value(record->model.range_high));
    put(object, "kind", text_value(record->model.kind));
    put(object, "factors", count_value(record->model.factors));
    put(object, "y_range", range);
    put(object, "parameters", count_value(record->model.parameters));
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
    put(object, "model_sha256", text_value(record->result.model_sha256));
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

static json_t *record_value(const struct cps_run_record *record)
{
    bool ended = record->ended != 0;
    json_t *object = json_object();
    put(object, "format", json_integer(CPS_RUN_RECORD_FORMAT));
    put(object, "run_id", json_sprintf("%016llx", (unsigned long long)record->run_id));
    put(object, "state", text_value(record->state));
    put(object, "exit_code", ended ? json_integer(record->exit_code) : NULL);
    put(object, "started", time_value(record->started));
    put(object, "ended", time_value(record->ended));
    put(object, "seed", count_value(record->seed));
    put(object, "result", result_value(record));
    put(object, "data", data_value(record));
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

enum cps_status cps_run_record_write(const struct cps_run_record *self, const struct cps_run_folder *folder)
{
    char path[CPS_RUN_FILE_BYTES];
    json_t *value = record_value(self);
    char *text = value ? json_dumps(value, DUMP_FLAGS) : NULL;
    json_decref(value);
    if (!text)
        return cps_fail_memory("run.json", 0);
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of its NUL: the file ends with a newline */
    cps_run_folder_file(folder, "run.json", path);
    enum cps_status status = cps_file_replace(path, text, length + 1);
    free(text);
    return status;
}
