/*
 * Writing safetensors: rows from the servers, in whatever order they arrive, into
 * their final places in a temporary file. The tensors are never in memory; one bit
 * per row records which have arrived. Rows do not arrive in file order, so the hash is computed by reading the
 * finished file back, which is cheap with the page cache.
 *
 *   create: header written, space allocated -> rows, rows, … -> finish: hash, fsync, rename
 */
#include "common/store/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/store/json.h"

#define ALIGNMENT 64
#define STAGE_BYTES (256 * 1024)
#define HASH_BYTES (1024 * 1024)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the format is little-endian, and floats are copied as they are");

struct written_tensor {
    char *name;
    uint64_t rows, columns;
    uint64_t begin;    /* offset in the file */
    uint64_t *present; /* one bit per row */
};

struct cps_safetensors_writer {
    struct cps_atomic_file file;
    struct written_tensor *tensors;
    size_t tensor_count;
    float *stage; /* STAGE_BYTES, for rows that lie apart in memory */
};

static uint64_t tensor_bytes(const struct cps_safetensors_tensor *tensor)
{
    return tensor->rows * tensor->columns * sizeof(float);
}

/* {"dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end]} */
static json_t *describe(const struct cps_safetensors_tensor *tensor, uint64_t begin)
{
    return json_pack("{s:s, s:[I,I], s:[I,I]}", "dtype", "F32", "shape", (json_int_t)tensor->rows,
                     (json_int_t)tensor->columns, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + tensor_bytes(tensor)));
}

/* The JSON header as a string for free(), or NULL. */
static char *build_header(const struct cps_safetensors_tensor *tensors, size_t tensor_count,
                          const struct cps_safetensors_string *strings, size_t string_count)
{
    json_t *header = json_object();
    json_t *metadata = json_object();
    int failed = 0;
    for (size_t i = 0; i < string_count; i++)
        failed |= json_object_set_new(metadata, strings[i].key, json_string(strings[i].value));
    if (string_count > 0)
        failed |= json_object_set(header, "__metadata__", metadata);
    uint64_t begin = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        failed |= json_object_set_new(header, tensors[i].name, describe(&tensors[i], begin));
        begin += tensor_bytes(&tensors[i]);
    }
    char *text = failed ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(metadata);
    json_decref(header);
    return text;
}

/* Writes length and header, padded with spaces; *data_begin is where the data starts. */
static enum cps_status write_header(struct cps_safetensors_writer *self, const char *header,
                                    uint64_t *data_begin)
{
    uint64_t length = strlen(header);
    uint64_t padded = cps_round_up(sizeof length + length, ALIGNMENT) - sizeof length;
    char spaces[ALIGNMENT];
    memset(spaces, ' ', sizeof spaces);
    CPS_TRY(cps_atomic_file_write(&self->file, &padded, sizeof padded));
    CPS_TRY(cps_atomic_file_write(&self->file, header, length));
    CPS_TRY(cps_atomic_file_write(&self->file, spaces, padded - length));
    *data_begin = sizeof padded + padded;
    return CPS_OK;
}

static enum cps_status claim_space(struct cps_safetensors_writer *self, uint64_t size)
{
    if (fallocate(self->file.fd, 0, 0, (off_t)size) == 0)
        return CPS_OK;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR)
        return CPS_OK; /* the writes will report a full disk */
    return cps_fail(CPS_ERR_STORAGE, "cannot write '%s' (%llu bytes): %s", self->file.path,
                    (unsigned long long)size, strerror(errno));
}

static enum cps_status add_tensor(struct cps_safetensors_writer *self,
                                  const struct cps_safetensors_tensor *source, uint64_t begin)
{
    struct written_tensor *tensor = &self->tensors[self->tensor_count++];
    *tensor = (struct written_tensor){.rows = source->rows, .columns = source->columns, .begin = begin};
    tensor->name = strdup(source->name);
    if (!tensor->name)
        return cps_fail_memory("a tensor's name", strlen(source->name));
    return cps_alloc("the rows written", source->rows / 64 + 1, sizeof(uint64_t), &tensor->present);
}

static enum cps_status start(struct cps_safetensors_writer *self, const char *path,
                             const struct cps_safetensors_tensor *tensors, size_t tensor_count,
                             const char *header)
{
    CPS_TRY(cps_alloc("the tensor list", tensor_count, sizeof *self->tensors, &self->tensors));
    CPS_TRY(cps_alloc("the write buffer", STAGE_BYTES, 1, &self->stage));
    CPS_TRY(cps_atomic_file_open(&self->file, path));
    uint64_t begin;
    CPS_TRY(write_header(self, header, &begin));
    for (size_t i = 0; i < tensor_count; i++) {
        CPS_TRY(add_tensor(self, &tensors[i], begin));
        begin += tensor_bytes(&tensors[i]);
    }
    return claim_space(self, begin);
}

enum cps_status cps_safetensors_writer_create(const char *path, const struct cps_safetensors_tensor *tensors,
                                              size_t tensor_count, const struct cps_safetensors_string *strings,
                                              size_t string_count, struct cps_safetensors_writer **out)
{
    cps_json_begin();
    char *header = build_header(tensors, tensor_count, strings, string_count);
    if (cps_json_is_short()) {
        free(header);
        return cps_fail_memory("a model's header", 0);
    }
    if (!header)
        return cps_fail(CPS_ERR_STORAGE, "cannot write '%s': its header has a text that is not UTF-8", path);
    struct cps_safetensors_writer *self;
    enum cps_status status = cps_alloc("a model writer", 1, sizeof *self, &self);
    if (status == CPS_OK) {
        self->file.fd = -1;
        status = start(self, path, tensors, tensor_count, header);
        if (status == CPS_OK)
            *out = self;
        else
            cps_safetensors_writer_destroy(&self);
    }
    free(header);
    return status;
}

static void mark_present(struct written_tensor *tensor, uint64_t first_row, uint64_t row_count)
{
    for (uint64_t row = first_row; row < first_row + row_count; row++)
        tensor->present[row / 64] |= UINT64_C(1) << (row % 64);
}

/* Packs rows that have gaps between them into the stage, and writes it whenever it is full. */
static enum cps_status write_packed(struct cps_safetensors_writer *self, const struct written_tensor *tensor,
                                    uint64_t offset, uint64_t row_count, const float *values, size_t stride)
{
    size_t row_bytes = tensor->columns * sizeof(float);
    if (stride == tensor->columns || row_bytes > STAGE_BYTES) {
        uint64_t together = stride == tensor->columns ? row_count : 1;
        for (uint64_t i = 0; i < row_count; i += together)
            CPS_TRY(cps_atomic_file_write_at(&self->file, values + i * stride, together * row_bytes,
                                             offset + i * row_bytes));
        return CPS_OK;
    }
    uint64_t fits = STAGE_BYTES / row_bytes;
    for (uint64_t i = 0; i < row_count; i += fits) {
        uint64_t count = row_count - i < fits ? row_count - i : fits;
        for (uint64_t k = 0; k < count; k++)
            memcpy(self->stage + k * tensor->columns, values + (i + k) * stride, row_bytes);
        CPS_TRY(cps_atomic_file_write_at(&self->file, self->stage, count * row_bytes, offset + i * row_bytes));
    }
    return CPS_OK;
}

enum cps_status cps_safetensors_writer_rows(struct cps_safetensors_writer *self, size_t index,
                                            uint64_t first_row, uint64_t row_count, const float *values,
                                            size_t stride)
{
    if (index >= self->tensor_count)
        return cps_fail(CPS_ERR_INTERNAL, "'%s' has no tensor %zu", self->file.path, index);
    struct written_tensor *tensor = &self->tensors[index];
    if (first_row > tensor->rows || row_count > tensor->rows - first_row || stride < tensor->columns)
        return cps_fail(CPS_ERR_INTERNAL, "rows %llu to %llu (stride %zu) do not fit '%s' [%llu, %llu]",
                        (unsigned long long)first_row, (unsigned long long)(first_row + row_count), stride,
                        tensor->name, (unsigned long long)tensor->rows, (unsigned long long)tensor->columns);
    if (row_count == 0 || tensor->columns == 0) {
        mark_present(tensor, first_row, row_count);
        return CPS_OK;
    }
    uint64_t offset = tensor->begin + first_row * tensor->columns * sizeof(float);
    CPS_TRY(write_packed(self, tensor, offset, row_count, values, stride));
    mark_present(tensor, first_row, row_count);
    return CPS_OK;
}

static enum cps_status check_complete(const struct cps_safetensors_writer *self)
{
    for (size_t i = 0; i < self->tensor_count; i++) {
        const struct written_tensor *tensor = &self->tensors[i];
        for (uint64_t row = 0; row < tensor->rows; row++)
            if (!(tensor->present[row / 64] >> (row % 64) & 1))
                return cps_fail(CPS_ERR_INTERNAL, "row %llu of '%s' was never written to '%s'",
                                (unsigned long long)row, tensor->name, self->file.path);
    }
    return CPS_OK;
}

static enum cps_status hash_descriptor(struct cps_safetensors_writer *self, int fd, struct cps_sha256 *sha,
                                       char *buffer)
{
    for (;;) {
        ssize_t count = read(fd, buffer, HASH_BYTES);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return cps_fail(CPS_ERR_STORAGE, "cannot read back '%s': %s", self->file.path, strerror(errno));
        if (count == 0)
            return CPS_OK;
        cps_sha256_add(sha, buffer, (size_t)count);
    }
}

static enum cps_status hash_file(struct cps_safetensors_writer *self, char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_sha256 *sha = NULL;
    char *buffer = NULL;
    CPS_TRY(cps_alloc("the hash buffer", HASH_BYTES, 1, &buffer));
    enum cps_status status = cps_sha256_create(&sha);
    if (status != CPS_OK)
        goto free_buffer;
    int fd = open(self->file.temporary, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        status = cps_fail(CPS_ERR_STORAGE, "cannot read back '%s': %s", self->file.path, strerror(errno));
        goto destroy_sha;
    }
    status = hash_descriptor(self, fd, sha, buffer);
    close(fd);
    if (status == CPS_OK) {
        uint8_t digest[CPS_SHA256_BYTES];
        cps_sha256_finish(sha, digest);
        cps_sha256_to_hex(digest, hex);
    }
destroy_sha:
    cps_sha256_destroy(&sha);
free_buffer:
    free(buffer);
    return status;
}

static enum cps_status finish(struct cps_safetensors_writer *self,
                              enum cps_status (*commit)(struct cps_atomic_file *),
                              char hex[CPS_SHA256_HEX_BYTES])
{
    enum cps_status status = check_complete(self);
    if (status == CPS_OK)
        status = hash_file(self, hex);
    if (status == CPS_OK)
        return commit(&self->file);
    cps_atomic_file_abort(&self->file);
    return status;
}

enum cps_status cps_safetensors_writer_finish(struct cps_safetensors_writer *self,
                                              char hex[CPS_SHA256_HEX_BYTES])
{
    return finish(self, cps_atomic_file_commit, hex);
}

enum cps_status cps_safetensors_writer_finish_at_once(struct cps_safetensors_writer *self,
                                                      char hex[CPS_SHA256_HEX_BYTES])
{
    return finish(self, cps_atomic_file_commit_at_once, hex);
}

void cps_safetensors_writer_destroy(struct cps_safetensors_writer **self_pointer)
{
    struct cps_safetensors_writer *self = *self_pointer;
    *self_pointer = NULL;
    if (!self)
        return;
    cps_atomic_file_abort(&self->file);
    for (size_t i = 0; i < self->tensor_count; i++) {
        free(self->tensors[i].name);
        free(self->tensors[i].present);
    }
    free(self->tensors);
    free(self->stage);
    free(self);
}
