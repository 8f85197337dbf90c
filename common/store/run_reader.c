/*
 * A run's folder -> struct cps_run_reader; see run_reader.h. What others may have put there is
 * data to be doubted: every number is read whole or refused with its file and line.
 */
#include "common/store/run_reader.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/store/run_record.h"

enum { LINE_BYTES = 1024, FIELDS = 64 };

static const char STEP_LOSS[] = "step/loss"; /* its name in metrics.jsonl */

/* ---- whole lines of a file ---- */

struct lines {
    const char *path, *next, *end;
    size_t number; /* of the line last read, from 1 */
    char line[LINE_BYTES];
};

static enum cps_status broken(const struct lines *self, const char *why)
{
    return cps_fail(CPS_ERR_DATA, "'%s' is broken: line %zu %s", self->path, self->number, why);
}

/* The next line that ends with a newline into self->line; *more is false at the end. */
static enum cps_status next_line(struct lines *self, bool *more)
{
    const char *newline =
        self->next < self->end ? memchr(self->next, '\n', (size_t)(self->end - self->next)) : NULL;
    *more = newline != NULL;
    if (!newline)
        return CPS_OK;
    size_t length = (size_t)(newline - self->next);
    self->number++;
    if (length >= sizeof self->line || memchr(self->next, '\0', length))
        return broken(self, "is too long, or no text");
    memcpy(self->line, self->next, length);
    self->line[length] = '\0';
    self->next = newline + 1;
    return CPS_OK;
}

/* Calls read with the lines of folder's file called name; no file is no lines. */
static enum cps_status read_file(struct cps_run_reader *self, const char *folder, const char *name,
                                 enum cps_status (*read)(struct cps_run_reader *, struct lines *))
{
    char path[4096];
    struct stat info;
    struct cps_file_map map;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (stat(path, &info) != 0 && errno == ENOENT)
        return CPS_OK;
    CPS_TRY(cps_file_map(&map, path, CPS_ERR_DATA));
    struct lines lines = {.path = path, .next = map.data, .end = map.data ? map.data + map.size : NULL};
    enum cps_status status = read(self, &lines);
    cps_file_unmap(&map);
    return status;
}

/* ---- csv: a header that names the columns, then numbers ---- */

/* Splits line at its commas. */
static size_t split(char *line, char *fields[FIELDS])
{
    size_t count = 0;
    for (char *rest = line, *field; count < FIELDS && (field = strsep(&rest, ","));)
        fields[count++] = field;
    return count;
}

/* Where columns, ended by NULL, stand in the header that is the first line. */
static enum cps_status find_columns(struct lines *lines, const char *const *columns, size_t *places, bool *any)
{
    char *fields[FIELDS];
    CPS_TRY(next_line(lines, any));
    if (!*any)
        return CPS_OK;
    size_t count = split(lines->line, fields);
    for (; *columns; columns++, places++) {
        for (*places = 0; *places < count && strcmp(fields[*places], *columns) != 0;)
            ++*places;
        if (*places == count)
            return cps_fail(CPS_ERR_DATA, "'%s' is broken: it has no column '%s'", lines->path, *columns);
    }
    return CPS_OK;
}

/* A loss as the records write it; training that diverged has those that are not finite. */
static bool read_loss(const char *text, double *out)
{
    if (strcmp(text, "nan") == 0)
        *out = (double)NAN;
    else if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0)
        *out = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    else
        return cps_text_to_double(text, out);
    return true;
}

/* The fields at places of the next line; *more is false at the end. */
static enum cps_status next_row(struct lines *lines, const size_t *places, size_t count, const char **out,
                                bool *more)
{
    char *fields[FIELDS];
    CPS_TRY(next_line(lines, more));
    if (!*more)
        return CPS_OK;
    size_t found = split(lines->line, fields);
    for (size_t i = 0; i < count; i++) {
        if (places[i] >= found)
            return broken(lines, "has too few columns");
        out[i] = fields[places[i]];
    }
    return CPS_OK;
}

static enum cps_status read_history(struct cps_run_reader *self, struct lines *lines)
{
    static const char *const columns[] = {"epoch", "train_loss", "valid_loss", "steps", NULL};
    size_t places[4];
    const char *fields[4] = {0};
    bool more;
    CPS_TRY(find_columns(lines, columns, places, &more));
    while (more) {
        struct cps_epoch_record epoch = {0};
        uint64_t number;
        CPS_TRY(next_row(lines, places, 4, fields, &more));
        if (!more)
            break;
        epoch.has_valid = fields[2][0] != '\0';
        if (!cps_text_to_u64(fields[0], &number) || number != self->history.count ||
            !read_loss(fields[1], &epoch.train_loss) ||
            (epoch.has_valid && !read_loss(fields[2], &epoch.valid_loss)) ||
            !cps_text_to_u64(fields[3], &epoch.steps))
            return broken(lines, "is not the next epoch's");
        epoch.epoch = (uint32_t)number;
        CPS_TRY(cps_history_add(&self->history, &epoch));
    }
    return CPS_OK;
}

static enum cps_status add_step(struct cps_run_reader *self, const struct lines *lines, uint64_t step,
                                double loss)
{
    if (step != self->loss_count)
        return broken(lines, "is not the next step's");
    CPS_TRY(
        cps_grow("recorded losses", &self->losses, &self->loss_capacity, self->loss_count + 1, sizeof loss));
    self->losses[self->loss_count++] = loss;
    return CPS_OK;
}

static enum cps_status read_steps(struct cps_run_reader *self, struct lines *lines)
{
    static const char *const columns[] = {"step", "loss", NULL};
    size_t places[2];
    const char *fields[2] = {0};
    bool more;
    CPS_TRY(find_columns(lines, columns, places, &more));
    while (more) {
        uint64_t step;
        double loss;
        CPS_TRY(next_row(lines, places, 2, fields, &more));
        if (!more)
            break;
        if (!cps_text_to_u64(fields[0], &step) || !read_loss(fields[1], &loss))
            return broken(lines, "is not the next step's");
        CPS_TRY(add_step(self, lines, step, loss));
    }
    return CPS_OK;
}

/* ---- metrics.jsonl: an event a line, of which the losses of steps matter here ---- */

static enum cps_status read_event(struct cps_run_reader *self, struct lines *lines, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "name"));
    const json_t *step = json_object_get(event, "step"), *value = json_object_get(event, "value");
    if (!name || strcmp(name, STEP_LOSS) != 0)
        return CPS_OK;
    if (!json_is_integer(step) || (!json_is_number(value) && !json_is_null(value)))
        return broken(lines, "is not the next step's");
    return add_step(self, lines, (uint64_t)json_integer_value(step),
                    json_is_null(value) ? (double)NAN : json_number_value(value));
}

static enum cps_status read_metrics(struct cps_run_reader *self, struct lines *lines)
{
    for (;;) {
        bool more;
        CPS_TRY(next_line(lines, &more));
        if (!more)
            return CPS_OK;
        json_t *event = json_loads(lines->line, 0, NULL);
        enum cps_status status = event ? read_event(self, lines, event) : broken(lines, "is no event");
        json_decref(event);
        CPS_TRY(status);
    }
}

/* ---- run.json ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static enum cps_status parse_record(struct cps_run_reader *self)
{
    struct cps_file_map map;
    json_error_t error;
    CPS_TRY(cps_file_map(&map, self->path, CPS_ERR_DATA));
    self->tree = json_loadb(map.data ? map.data : "", map.size, JSON_REJECT_DUPLICATES, &error);
    cps_file_unmap(&map);
    if (!self->tree)
        return cps_fail(CPS_ERR_DATA, "'%s' is broken: line %d: %s", self->path, error.line, error.text);
    return CPS_OK;
}

static enum cps_status check_format(const struct cps_run_reader *self, const json_t *tree)
{
    const json_t *format = json_object_get(tree, "format");
    if (!json_is_object(json_object_get(tree, "options")) || !self->state || !self->version)
        return cps_fail(CPS_ERR_DATA, "'%s' is no record of collab-ps: it lacks its state, options or version",
                        self->path);
    /* The first runs said nothing of it, and are of format 1. */
    if (!format || json_integer_value(format) == CPS_RUN_RECORD_FORMAT)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA, "'%s' was written by collab-ps %s, in a format that is not known here",
                    self->path, self->version);
}

static enum cps_status read_options(struct cps_run_reader *self, json_t *options)
{
    const char *name;
    json_t *entry;
    CPS_TRY(cps_alloc("recorded options", json_object_size(options), sizeof *self->options, &self->options));
    json_object_foreach(options, name, entry)
    {
        const json_t *value = json_object_get(entry, "value");
        const char *source = text_of(entry, "source");
        if (!source || (!json_is_string(value) && !json_is_null(value)))
            return cps_fail(CPS_ERR_DATA, "'%s' is broken: option '%.200s' lacks its value or source",
                            self->path, name);
        self->options[self->option_count++] = (struct cps_run_option){
            .name = name, .value = json_string_value(value), .given = strcmp(source, "default") != 0};
    }
    return CPS_OK;
}

static enum cps_status read_record(struct cps_run_reader *self)
{
    CPS_TRY(parse_record(self));
    const json_t *tree = self->tree, *result = json_object_get(tree, "result");
    self->state = text_of(tree, "state");
    self->version = text_of(json_object_get(tree, "versions"), "collab-ps");
    self->fingerprint = text_of(json_object_get(tree, "data"), "fingerprint");
    self->model_sha256 = text_of(result, "model_sha256");
    self->curve_sha256 = text_of(result, "curve_sha256");
    CPS_TRY(check_format(self, tree));
    return read_options(self, json_object_get(tree, "options"));
}

/* ---- the folder ---- */

static enum cps_status check_folder(struct cps_run_reader *self, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return cps_fail(CPS_ERR_DATA, "cannot read run folder '%s': %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return cps_fail(CPS_ERR_DATA, "'%s' is not a run folder, but a file", path);
    int length = snprintf(self->path, sizeof self->path, "%s/run.json", path);
    if (length < 0 || (size_t)length >= sizeof self->path)
        return cps_fail(CPS_ERR_DATA, "cannot read run folder '%.64s': its path is too long", path);
    if (stat(self->path, &info) != 0 && errno == ENOENT)
        return cps_fail(CPS_ERR_DATA, "'%s' is not a run folder: it holds no 'run.json'", path);
    return CPS_OK;
}

static enum cps_status read_folder(struct cps_run_reader *self, const char *path)
{
    CPS_TRY(check_folder(self, path));
    CPS_TRY(read_record(self));
    CPS_TRY(read_file(self, path, "history.csv", read_history));
    CPS_TRY(read_file(self, path, "steps.csv", read_steps));
    return self->loss_count > 0 ? CPS_OK : read_file(self, path, "metrics.jsonl", read_metrics);
}

enum cps_status cps_run_reader_open(struct cps_run_reader *self, const char *path)
{
    *self = (struct cps_run_reader){0};
    enum cps_status status = read_folder(self, path);
    if (status != CPS_OK)
        cps_run_reader_close(self);
    return status;
}

void cps_run_reader_close(struct cps_run_reader *self)
{
    free(self->options);
    free(self->losses);
    cps_history_release(&self->history);
    json_decref(self->tree);
    *self = (struct cps_run_reader){0};
}
