/*
 * The safetensors format: named arrays of numbers in one file that any framework reads.
 *
 *     u64 little-endian    bytes of the header
 *     JSON object          name -> {dtype, shape, data_offsets}, and __metadata__
 *     spaces               until the data starts at a multiple of 64
 *     data                 the tensors back to back, little-endian, no holes
 *
 * Only float32 tensors of one or two dimensions are read and written here; a file
 * may hold others beside them.
 */
#ifndef CPS_STORE_SAFETENSORS_H
#define CPS_STORE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/base/status.h"

/* ---- reading ---- */

struct cps_safetensors; /* opaque: an open file */

/* A float32 tensor of an open file, which owns the data. */
struct cps_safetensors_view {
    const void *data;       /* rows · columns floats, row after row; may be misaligned: copy out */
    uint64_t rows, columns; /* a tensor of one dimension has one column */
};

/* Opens path and checks all of its header against the file. CPS_ERR_DATA names the
 * file and the tensor at fault. Not collective. */
enum cps_status cps_safetensors_open(const char *path, struct cps_safetensors **out);

/* Closes the file and invalidates its views. NULL is allowed. */
void cps_safetensors_close(struct cps_safetensors **self);

/* The tensor called name. CPS_ERR_DATA when there is none, or when it is not float32
 * of one or two dimensions. */
enum cps_status cps_safetensors_find(const struct cps_safetensors *self, const char *name,
                                     struct cps_safetensors_view *out);

/* The string of key in the file's metadata, owned by self; NULL when there is none. */
const char *cps_safetensors_metadata(const struct cps_safetensors *self, const char *key);

/* ---- writing ---- */

struct cps_safetensors_writer; /* opaque: a file being written */

struct cps_safetensors_tensor {
    const char *name;
    uint64_t rows, columns;
};

struct cps_safetensors_string {
    const char *key, *value;
};

/* Starts the file path with tensors in the order given and strings as its metadata;
 * all are copied. The bytes of the file depend on these and on the rows alone. The
 * disk space is claimed now where the file system can, so that a full disk is found
 * before any work. Errors are CPS_ERR_STORAGE, of the functions below as well. */
enum cps_status cps_safetensors_writer_create(const char *path, const struct cps_safetensors_tensor *tensors,
                                              size_t tensor_count, const struct cps_safetensors_string *strings,
                                              size_t string_count, struct cps_safetensors_writer **out);

/* Writes row_count rows of a tensor (its place in the list) from first_row on. Row i
 * is the tensor's columns floats at values + i · stride, stride >= columns. Rows may be written
 * in any order; a later write replaces an earlier one. */
enum cps_status cps_safetensors_writer_rows(struct cps_safetensors_writer *self, size_t tensor,
                                            uint64_t first_row, uint64_t row_count, const float *values,
                                            size_t stride);

/* Ends the file: it appears under its name, and hex is the SHA-256 of all its bytes.
 * A row never written is CPS_ERR_INTERNAL. On an error nothing is left behind. */
enum cps_status cps_safetensors_writer_finish(struct cps_safetensors_writer *self,
                                              char hex[CPS_SHA256_HEX_BYTES]);

/* cps_safetensors_writer_finish() without syncing to disk: a power failure may lose the file. */
enum cps_status cps_safetensors_writer_finish_at_once(struct cps_safetensors_writer *self,
                                                      char hex[CPS_SHA256_HEX_BYTES]);

/* Frees it; a file that was not finished is removed. Accepts NULL. */
void cps_safetensors_writer_destroy(struct cps_safetensors_writer **self);

#endif
