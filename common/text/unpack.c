/* gzip by zlib, zip by libzip; see unpack.h. Used by input.c. */
#include "common/text/unpack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

#include "common/base/memory.h"

#define PIECE_BYTES ((size_t)1 << 20)
/* zlib's counters have 32 bits. */
#define INPUT_BYTES ((size_t)1 << 30)

static enum cps_status damaged(const struct cps_source *source, const char *kind)
{
    return cps_fail(CPS_ERR_DATA, "'%s' is a damaged or truncated %s", source->path, kind);
}

/* Room for another piece at the end of out. */
static enum cps_status reserve(struct cps_text *out)
{
    return cps_grow("unpacked text", &out->data, &out->capacity, out->length + PIECE_BYTES + 1, 1);
}

/* Inflates one member and those after it. */
static enum cps_status inflate_all(z_stream *stream, const struct cps_source *source, struct cps_text *out)
{
    const char *next = source->data, *end = source->data + source->size;
    for (;;) {
        if (stream->avail_in == 0) {
            size_t bytes = (size_t)(end - next) < INPUT_BYTES ? (size_t)(end - next) : INPUT_BYTES;
            stream->next_in = (Bytef *)(uintptr_t)next;
            stream->avail_in = (uInt)bytes;
            next += bytes;
        }
        CPS_TRY(reserve(out));
        stream->next_out = (Bytef *)out->data + out->length;
        stream->avail_out = (uInt)PIECE_BYTES;
        int result = inflate(stream, Z_NO_FLUSH);
        out->length += PIECE_BYTES - stream->avail_out;
        bool at_end = stream->avail_in == 0 && next == end;
        if (result == Z_STREAM_END && (at_end || inflateReset(stream) != Z_OK))
            return CPS_OK;
        if (result == Z_MEM_ERROR)
            return cps_fail_memory("unpacking", PIECE_BYTES);
        if ((result != Z_OK && result != Z_STREAM_END) || (at_end && stream->avail_out > 0))
            return damaged(source, "gzip file");
    }
}

enum cps_status cps_unpack_gzip(const struct cps_source *source, struct cps_text *out)
{
    enum { GZIP_WINDOW = 15 + 16 };
    z_stream stream = {0};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return cps_fail_memory("unpacking", PIECE_BYTES);
    enum cps_status status = inflate_all(&stream, source, out);
    inflateEnd(&stream);
    if (status == CPS_OK)
        out->data[out->length] = '\0';
    return status;
}

/* ---- zip ---- */

/* The only file in the archive, folders aside. */
static enum cps_status find_file(zip_t *archive, const struct cps_source *source, zip_uint64_t *index)
{
    zip_int64_t entries = zip_get_num_entries(archive, 0);
    int files = 0;
    for (zip_int64_t i = 0; i < entries; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        if (name && strcmp(name, "[Content_Types].xml") == 0) {
            cps_fail(CPS_ERR_DATA, "'%s' is a workbook or another office document, not text", source->path);
            return cps_hint(CPS_ERR_DATA, "save the sheet as CSV first");
        }
        if (!name || name[strlen(name) - 1] == '/' || strncmp(name, "__MACOSX/", 9) == 0)
            continue;
        *index = (zip_uint64_t)i;
        files++;
    }
    if (files == 1)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "the zip archive '%s' holds %d files, not one", source->path, files);
    return cps_hint(CPS_ERR_DATA, "unpack it, and name the file or folder of the ratings");
}

static enum cps_status read_entry(zip_t *archive, zip_uint64_t index, const struct cps_source *source,
                                  struct cps_text *out)
{
    zip_file_t *file = zip_fopen_index(archive, index, 0);
    if (!file) {
        cps_fail(CPS_ERR_DATA, "cannot unpack '%s': %s", source->path, zip_strerror(archive));
        return cps_hint(CPS_ERR_DATA, "unpack it first: unzip FILE");
    }
    zip_int64_t bytes = 0;
    enum cps_status status = CPS_OK;
    do {
        status = reserve(out);
        if (status == CPS_OK)
            bytes = zip_fread(file, out->data + out->length, PIECE_BYTES);
        if (status == CPS_OK && bytes > 0)
            out->length += (size_t)bytes;
    } while (status == CPS_OK && bytes > 0);
    /* Closing verifies the checksum. */
    if (zip_fclose(file) != 0 || bytes < 0)
        status = status == CPS_OK ? damaged(source, "zip archive") : status;
    if (status == CPS_OK)
        out->data[out->length] = '\0';
    return status;
}

enum cps_status cps_unpack_zip(const struct cps_source *source, struct cps_text *out)
{
    zip_error_t error;
    zip_uint64_t index = 0;
    zip_error_init(&error);
    zip_source_t *bytes = zip_source_buffer_create(source->data, source->size, 0, &error);
    zip_t *archive = bytes ? zip_open_from_source(bytes, ZIP_RDONLY, &error) : NULL;
    zip_error_fini(&error);
    if (!archive) {
        zip_source_free(bytes);
        return damaged(source, "zip archive");
    }
    enum cps_status status = find_file(archive, source, &index);
    if (status == CPS_OK)
        status = read_entry(archive, index, source, out);
    zip_discard(archive);
    return status;
}
