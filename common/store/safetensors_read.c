/*
 * Reading safetensors: the file is mapped, and its header is parsed and checked against the file
 * once, so that the views returned by find() are valid whatever program wrote the file.
 *
 *   --init FILE -> mapped -> header checked -> views -> initial rows of the tables
 */
#include "common/store/safetensors.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"

#define LENGTH_BYTES 8
#define HEADER_MAX_BYTES UINT64_C(100000000) /* the limit of the reference implementation */
#define METADATA "__metadata__"

struct read_tensor {
    const char *name;  /* owned by the header */
    const char *dtype; /* owned by the header */
    size_t dimensions;
    uint64_t shape[2];   /* the first two dimensions; missing ones are 1 */
    uint64_t begin, end; /* in the data */
};

struct cps_safetensors {
    struct cps_file_map map;
    char *path;
    json_t *header;
    const char *data;
    uint64_t data_bytes;
    struct read_tensor *tensors; /* sorted by begin */
    size_t tensor_count;
};

/* A name from the file, made printable on one line of an error. */
struct shown_name {
    char text[160];
};

static struct shown_name show(const char *name)
{
    struct shown_name shown;
    snprintf(shown.text, sizeof shown.text, "%.*s", (int)sizeof shown.text - 1, name);
    for (char *c = shown.text; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    return shown;
}

/* Bytes of one element, 0 for a dtype not known here. */
static uint64_t dtype_bytes(const char *dtype)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } known[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
                 {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
                 {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(dtype, known[i].name) == 0)
            return known[i].bytes;
    return 0;
}

static enum cps_status bad_file(const struct cps_safetensors *self, const char *cause)
{
    return cps_fail(CPS_ERR_DATA, "'%s' is not a safetensors file: %s", self->path, cause);
}

static enum cps_status bad_tensor(const struct cps_safetensors *self, const char *name, const char *cause)
{
    return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s': %s", self->path, show(name).text, cause);
}

static bool read_size(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

/* Reads the shape, and returns the number of elements. */
static enum cps_status read_shape(const struct cps_safetensors *self, const json_t *shape,
                                  struct read_tensor *tensor, uint64_t *elements)
{
    if (!json_is_array(shape))
        return bad_tensor(self, tensor->name, "the shape is not a list");
    tensor->dimensions = json_array_size(shape);
    tensor->shape[0] = tensor->shape[1] = 1;
    *elements = 1;
    for (size_t i = 0; i < tensor->dimensions; i++) {
        uint64_t size;
        if (!read_size(json_array_get(shape, i), &size))
            return bad_tensor(self, tensor->name, "the shape holds something other than sizes");
        if (__builtin_mul_overflow(*elements, size, elements))
            return bad_tensor(self, tensor->name, "the shape is beyond 64 bits");
        if (i < 2)
            tensor->shape[i] = size;
    }
    return CPS_OK;
}

static enum cps_status read_offsets(const struct cps_safetensors *self, const json_t *offsets,
                                    struct read_tensor *tensor)
{
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &tensor->begin) ||
        !read_size(json_array_get(offsets, 1), &tensor->end))
        return bad_tensor(self, tensor->name, "data_offsets are not two sizes");
    if (tensor->begin > tensor->end)
        return bad_tensor(self, tensor->name, "data_offsets end before they begin");
    if (tensor->end > self->data_bytes)
        return bad_tensor(self, tensor->name, "data_offsets reach beyond the end of the file");
    return CPS_OK;
}

static enum cps_status read_tensor(const struct cps_safetensors *self, const char *name, const json_t *entry,
                                   struct read_tensor *tensor)
{
    *tensor = (struct read_tensor){.name = name};
    if (!json_is_object(entry))
        return bad_tensor(self, name, "its entry is not an object");
    tensor->dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!tensor->dtype)
        return bad_tensor(self, name, "no dtype");
    uint64_t elements = 0, bytes;
    CPS_TRY(read_shape(self, json_object_get(entry, "shape"), tensor, &elements));
    CPS_TRY(read_offsets(self, json_object_get(entry, "data_offsets"), tensor));
    uint64_t each = dtype_bytes(tensor->dtype);
    if (each == 0)
        return CPS_OK; /* find() refuses it, so its size does not matter */
    if (__builtin_mul_overflow(elements, each, &bytes) || bytes != tensor->end - tensor->begin)
        return bad_tensor(self, name, "data_offsets do not fit its shape and dtype");
    return CPS_OK;
}

static enum cps_status check_metadata(const struct cps_safetensors *self, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return bad_file(self, "its metadata is not an object");
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return bad_file(
        self, "its metadata holds something other than strings");
    return CPS_OK;
}

static int compare_begin(const void *left, const void *right)
{
    const struct read_tensor *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* Tensors must cover the data without gaps. */
static enum cps_status check_layout(struct cps_safetensors *self)
{
    uint64_t expected = 0;
    if (self->tensor_count > 0)
        qsort(self->tensors, self->tensor_count, sizeof *self->tensors, compare_begin);
    for (size_t i = 0; i < self->tensor_count; i++) {
        const struct read_tensor *tensor = &self->tensors[i];
        if (tensor->begin != expected)
            return bad_tensor(self, tensor->name,
                              tensor->begin > expected ? "a hole in the data before it"
                                                       : "its data overlap another tensor's");
        expected = tensor->end;
    }
    if (expected != self->data_bytes)
        return cps_fail(CPS_ERR_DATA, "'%s': %" PRIu64 " bytes of data, but its tensors have %" PRIu64,
                        self->path, self->data_bytes, expected);
    return CPS_OK;
}

static enum cps_status read_tensors(struct cps_safetensors *self)
{
    CPS_TRY(cps_alloc("a tensor list", json_object_size(self->header), sizeof *self->tensors, &self->tensors));
    const char *name;
    json_t *entry;
    json_object_foreach(self->header, name, entry)
    {
        if (strcmp(name, METADATA) == 0)
            CPS_TRY(check_metadata(self, entry));
        else
            CPS_TRY(read_tensor(self, name, entry, &self->tensors[self->tensor_count++]));
    }
    return check_layout(self);
}

static enum cps_status parse_header(struct cps_safetensors *self)
{
    uint64_t length;
    if (self->map.size < LENGTH_BYTES)
        return bad_file(self, self->map.size == 0 ? "it is empty" : "it is shorter than 8 bytes");
    memcpy(&length, self->map.data, sizeof length);
    if (length > self->map.size - LENGTH_BYTES)
        return bad_file(self, "its header reaches beyond the end of the file");
    if (length > HEADER_MAX_BYTES)
        return bad_file(self, "its header is longer than 100 MB");
    const char *text = self->map.data + LENGTH_BYTES;
    if (length == 0 || text[0] != '{')
        return bad_file(self, "its header does not start with '{'");
    json_error_t error;
    self->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!self->header)
        return cps_fail(CPS_ERR_DATA, "'%s' is not a safetensors file: its header, byte %d: %s", self->path,
                        error.position, show(error.text).text);
    self->data = text + length;
    self->data_bytes = self->map.size - LENGTH_BYTES - length;
    return read_tensors(self);
}

static enum cps_status open_mapped(struct cps_safetensors *self, const char *path)
{
    self->path = strdup(path);
    if (!self->path)
        return cps_fail_memory("a path", strlen(path));
    CPS_TRY(cps_file_map(&self->map, path, CPS_ERR_DATA));
    return parse_header(self);
}

enum cps_status cps_safetensors_open(const char *path, struct cps_safetensors **out)
{
    struct cps_safetensors *self;
    CPS_TRY(cps_alloc("a model file", 1, sizeof *self, &self));
    enum cps_status status = open_mapped(self, path);
    if (status == CPS_OK)
        *out = self;
    else
        cps_safetensors_close(&self);
    return status;
}

void cps_safetensors_close(struct cps_safetensors **self_pointer)
{
    struct cps_safetensors *self = *self_pointer;
    *self_pointer = NULL;
    if (!self)
        return;
    cps_file_unmap(&self->map);
    json_decref(self->header);
    free(self->tensors);
    free(self->path);
    free(self);
}

static const struct read_tensor *look_up(const struct cps_safetensors *self, const char *name)
{
    for (size_t i = 0; i < self->tensor_count; i++)
        if (strcmp(self->tensors[i].name, name) == 0)
            return &self->tensors[i];
    return NULL;
}

static enum cps_status fail_missing(const struct cps_safetensors *self, const char *name)
{
    cps_fail(CPS_ERR_DATA, "'%s' has no tensor '%s'", self->path, name);
    if (self->tensor_count == 0)
        return cps_hint(CPS_ERR_DATA, "it has none at all");
    char list[CPS_ERROR_BYTES / 2] = "";
    for (size_t i = 0, used = 0; i < self->tensor_count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s'%s'", i ? ", " : "",
                                 show(self->tensors[i].name).text);
    return cps_hint(CPS_ERR_DATA, "it has %s", list);
}

enum cps_status cps_safetensors_find(const struct cps_safetensors *self, const char *name,
                                     struct cps_safetensors_view *out)
{
    const struct read_tensor *tensor = look_up(self, name);
    if (!tensor)
        return fail_missing(self, name);
    if (strcmp(tensor->dtype, "F32") != 0)
        return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s' is '%s', only float32 ('F32') is read", self->path,
                        name, show(tensor->dtype).text);
    if (tensor->dimensions < 1 || tensor->dimensions > 2)
        return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s' has %zu dimensions, expected 1 or 2", self->path, name,
                        tensor->dimensions);
    *out = (struct cps_safetensors_view){
        .data = self->data + tensor->begin, .rows = tensor->shape[0], .columns = tensor->shape[1]};
    return CPS_OK;
}

const char *cps_safetensors_metadata(const struct cps_safetensors *self, const char *key)
{
    return json_string_value(json_object_get(json_object_get(self->header, METADATA), key));
}
