/*
 * A run's folder -> struct cps_run_reader; see run_reader.h. This file reads run.json and finds which files
 * exist; run_losses.c reads the others. A key that is present must have the right type: otherwise a malformed
 * hash would silently disable a check.
 */
#include "common/store/run_reader.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/data/fingerprint.h"
#include "common/store/run_losses.h"

/* ---- run.json ---- */

static enum cps_status broken(const struct cps_run_reader *self, const char *key, const char *why)
{
    return cps_fail(CPS_ERR_DATA, "'%s' is broken: '%.200s' %s", self->path, key, why);
}

/* Reads the text at group.key of the record, or at key if group is NULL; NULL if it is null or missing. */
static enum cps_status read_text(const struct cps_run_reader *self, const char *group, const char *key,
                                 const char **out)
{
    const json_t *parent = group ? json_object_get(self->tree, group) : self->tree;
    const json_t *value = json_object_get(parent, key);
    char name[64];
    if (parent && !json_is_object(parent) && !json_is_null(parent))
        return broken(self, group, "is no object");
    snprintf(name, sizeof name, "%s%s%s", group ? group : "", group ? "." : "", key);
    if (value && !json_is_string(value) && !json_is_null(value))
        return broken(self, name, "is no text");
    *out = json_string_value(value);
    return CPS_OK;
}

static enum cps_status parse(struct cps_run_reader *self, const char *text, size_t size)
{
    json_error_t error;
    self->tree = json_loadb(text ? text : "", size, JSON_REJECT_DUPLICATES, &error);
    if (!self->tree)
        return cps_fail(CPS_ERR_DATA, "'%s' is broken: line %d: %s", self->path, error.line, error.text);
    if (!json_is_object((json_t *)self->tree))
        return cps_fail(CPS_ERR_DATA, "'%s' is no record of collab-ps", self->path);
    return CPS_OK;
}

/* In an unknown format no other key may be read, since its meaning may differ. */
static enum cps_status check_format(const struct cps_run_reader *self)
{
    const json_t *format = json_object_get(self->tree, "format");
    const json_t *versions = json_object_get(self->tree, "versions");
    const char *version = json_string_value(json_object_get(versions, "collab-ps"));
    /* The first runs did not record it; their format is 1. */
    if (!format || json_integer_value(format) == CPS_RUN_RECORD_FORMAT)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA,
                    "'%s' was written by collab-ps %.64s, in a format that is not known here",
                    self->path, version ? version : "of another version");
}

/* A fingerprint computed in another way cannot be compared. */
static bool has_known_fingerprint(const struct cps_run_reader *self)
{
    const json_t *data = json_object_get(self->tree, "data");
    return json_integer_value(json_object_get(data, "fingerprint_version")) == CPS_FINGERPRINT_VERSION;
}

static enum cps_status read_texts(struct cps_run_reader *self)
{
    CPS_TRY(read_text(self, NULL, "state", &self->state));
    CPS_TRY(read_text(self, "versions", "collab-ps", &self->version));
    CPS_TRY(read_text(self, "data", "fingerprint", &self->fingerprint));
    if (!has_known_fingerprint(self))
        self->fingerprint = NULL;
    CPS_TRY(read_text(self, "command", "folder", &self->folder));
    CPS_TRY(read_text(self, "result", "model_sha256", &self->model_sha256));
    CPS_TRY(read_text(self, "result", "curve_sha256", &self->curve_sha256));
    if (json_is_object(json_object_get(self->tree, "options")) && self->state && self->version)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA, "'%s' is no record of collab-ps: it lacks its state, options or version",
                    self->path);
}

/* The key is null if the run did not diverge, and missing in early versions. */
static enum cps_status read_divergence(struct cps_run_reader *self)
{
    const json_t *result = json_object_get(self->tree, "result");
    const json_t *step = json_object_get(result, "diverged_step");
    if (!step || json_is_null(step))
        return CPS_OK;
    if (!json_is_integer(step) || json_integer_value(step) < 0)
        return broken(self, "result.diverged_step", "is no step");
    self->diverged = true;
    self->diverged_step = (uint64_t)json_integer_value(step);
    return CPS_OK;
}

/* Reads what a resumed run keeps: its id and its earlier starts. */
static enum cps_status read_identity(struct cps_run_reader *self)
{
    const char *id;
    char *end = NULL;
    CPS_TRY(read_text(self, NULL, "run_id", &id));
    self->run_id = id ? strtoull(id, &end, 16) : 0;
    if (id && (*end || end == id))
        return broken(self, "run_id", "is no number");
    self->starts = json_object_get(self->tree, "starts");
    if (self->starts && !json_is_array((const json_t *)self->starts))
        return broken(self, "starts", "is no list");
    return CPS_OK;
}

static enum cps_status read_options(struct cps_run_reader *self)
{
    const char *name;
    json_t *entry, *options = json_object_get(self->tree, "options");
    CPS_TRY(cps_alloc("recorded options", json_object_size(options), sizeof *self->options, &self->options));
    json_object_foreach(options, name, entry)
    {
        const json_t *value = json_object_get(entry, "value");
        const char *source = json_string_value(json_object_get(entry, "source"));
        if (!source || (!json_is_string(value) && !json_is_null(value)))
            return cps_fail(CPS_ERR_DATA, "'%s' is broken: option '%.200s' lacks its value or source",
                            self->path, name);
        self->options[self->option_count++] = (struct cps_run_option){
            .name = name, .value = json_string_value(value), .given = strcmp(source, "default") != 0};
    }
    return CPS_OK;
}

static bool is_sha256(const char *text)
{
    return text && strlen(text) == CPS_SHA256_HEX_BYTES - 1 && !text[strspn(text, "0123456789abcdef")];
}

static enum cps_status read_input(const struct cps_run_reader *self, const json_t *entry,
                                  struct cps_record_input *out)
{
    const json_t *bytes = json_object_get(entry, "bytes");
    *out = (struct cps_record_input){.option = json_string_value(json_object_get(entry, "option")),
                                     .path = json_string_value(json_object_get(entry, "path")),
                                     .sha256 = json_string_value(json_object_get(entry, "sha256")),
                                     .bytes = (uint64_t)json_integer_value(bytes)};
    if (!out->option || !out->path || !is_sha256(out->sha256) || !json_is_integer(bytes) ||
        json_integer_value(bytes) < 0)
        return broken(self, "inputs", "holds something that is no file");
    return CPS_OK;
}

/* The first runs did not name their files. */
static enum cps_status read_inputs(struct cps_run_reader *self)
{
    const json_t *list = json_object_get(self->tree, "inputs");
    self->names_inputs = list != NULL;
    if (!list)
        return CPS_OK;
    if (!json_is_array(list))
        return broken(self, "inputs", "is no list");
    CPS_TRY(cps_alloc("recorded files", json_array_size(list), sizeof *self->inputs, &self->inputs));
    for (size_t i = 0; i < json_array_size(list); i++)
        CPS_TRY(read_input(self, json_array_get(list, i), &self->inputs[self->input_count++]));
    return CPS_OK;
}

enum cps_status cps_run_reader_parse(struct cps_run_reader *self, const char *text, size_t size)
{
    CPS_TRY(parse(self, text, size));
    CPS_TRY(check_format(self));
    CPS_TRY(read_texts(self));
    CPS_TRY(read_divergence(self));
    CPS_TRY(read_identity(self));
    CPS_TRY(read_options(self));
    return read_inputs(self);
}

/* ---- the folder ---- */

static enum cps_status set_path(const char *folder, const char *name, char out[CPS_RUN_READER_PATH_BYTES])
{
    int length = snprintf(out, CPS_RUN_READER_PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= CPS_RUN_READER_PATH_BYTES)
        return cps_fail(CPS_ERR_DATA, "cannot read run folder '%.64s…': its path is too long", folder);
    return CPS_OK;
}

static enum cps_status check_folder(struct cps_run_reader *self, const char *folder)
{
    struct stat info;
    CPS_TRY(set_path(folder, "run.json", self->path));
    if (stat(folder, &info) != 0)
        return cps_fail(CPS_ERR_DATA, "cannot read run folder '%s': %s", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return cps_fail(CPS_ERR_DATA, "'%s' is not a run folder, but a file", folder);
    if (stat(self->path, &info) != 0 && errno == ENOENT)
        return cps_fail(CPS_ERR_DATA, "'%s' is not a run folder: it holds no 'run.json'", folder);
    return CPS_OK;
}

static enum cps_status read_record(struct cps_run_reader *self)
{
    struct cps_file_map map;
    CPS_TRY(cps_file_map(&map, self->path, CPS_ERR_DATA));
    enum cps_status status = cps_run_reader_parse(self, map.data, map.size);
    cps_file_unmap(&map);
    return status;
}

/* Calls read with the text of the file called name in folder, if the file exists. */
static enum cps_status read_file(struct cps_run_reader *self, const char *folder, const char *name,
                                 enum cps_status (*read)(struct cps_run_reader *, const char *, const char *,
                                                         size_t))
{
    char path[CPS_RUN_READER_PATH_BYTES];
    struct stat info;
    struct cps_file_map map;
    CPS_TRY(set_path(folder, name, path));
    if (stat(path, &info) != 0 && errno == ENOENT)
        return CPS_OK;
    CPS_TRY(cps_file_map(&map, path, CPS_ERR_DATA));
    enum cps_status status = read(self, path, map.data, map.size);
    cps_file_unmap(&map);
    return status;
}

enum cps_status cps_run_reader_open_record(struct cps_run_reader *self, const char *path)
{
    *self = (struct cps_run_reader){0};
    enum cps_status status = check_folder(self, path);
    if (status == CPS_OK)
        status = read_record(self);
    if (status != CPS_OK)
        cps_run_reader_close(self);
    return status;
}

static enum cps_status read_folder(struct cps_run_reader *self, const char *folder)
{
    CPS_TRY(check_folder(self, folder));
    CPS_TRY(read_record(self));
    CPS_TRY(read_file(self, folder, "history.csv", cps_run_losses_history));
    CPS_TRY(read_file(self, folder, "steps.csv", cps_run_losses_steps));
    return self->loss_count > 0 ? CPS_OK : read_file(self, folder, "metrics.jsonl", cps_run_losses_metrics);
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
    free(self->inputs);
    free(self->losses);
    cps_history_release(&self->history);
    json_decref(self->tree);
    *self = (struct cps_run_reader){0};
}
