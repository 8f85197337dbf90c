/* From the bytes of a file to its text; see input.h. The first step of load.c. */
#include "common/text/input.h"

#include <stdint.h>
#include <string.h>

#include "common/text/unpack.h"
#include "common/text/utf8.h"

static bool begins_with(const struct cps_source *source, const char *magic, size_t bytes)
{
    return source->size >= bytes && memcmp(source->data, magic, bytes) == 0;
}

/* Known formats other than text, by their first bytes. */
static enum cps_status refuse_foreign(const struct cps_source *source)
{
    static const struct {
        const char *magic;
        size_t bytes;
        const char *what, *hint;
    } kinds[] = {
        {"BZh", 3, "is compressed with bzip2", "unpack it first: bunzip2 FILE"},
        {"\xFD"
         "7zXZ",
         5, "is compressed with xz", "unpack it first: unxz FILE"},
        {"\x28\xB5\x2F\xFD", 4, "is compressed with zstd", "unpack it first: unzstd FILE"},
        {"7z\xBC\xAF", 4, "is a 7z archive", "unpack it first: 7z x FILE"},
        {"Rar!", 4, "is a RAR archive", "unpack it first"},
        {"PAR1", 4, "is a Parquet file", "save it as CSV, for example with pandas: read_parquet(…).to_csv(…)"},
        {"ARROW1", 6, "is an Arrow file", "save it as CSV, for example with pandas: read_feather(…).to_csv(…)"},
        {"SQLite format 3", 15, "is an SQLite database",
         "save a query as CSV: sqlite3 -csv -header FILE 'select …'"},
        {"\x89HDF", 4, "is an HDF5 file", "save it as CSV, for example with pandas: read_hdf(…).to_csv(…)"},
        {"\xD0\xCF\x11\xE0", 4, "is an Excel workbook", "save it as CSV first"},
        {"%PDF", 4, "is a PDF document", "ratings are read from text"},
        {"\x93NUMPY", 6, "is a NumPy array", "save it as CSV: numpy.savetxt(…, delimiter=',')"},
        {"\x80\x04\x95", 3, "is a Python pickle", "save it as CSV: DataFrame.to_csv(…)"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (begins_with(source, kinds[i].magic, kinds[i].bytes)) {
            cps_fail(CPS_ERR_DATA, "'%s' %s, not text", source->path, kinds[i].what);
            return cps_hint(CPS_ERR_DATA, "%s", kinds[i].hint);
        }
    return CPS_OK;
}

/* Makes 'made' the text of source, replacing earlier decoded text. */
static void use(struct cps_text *decoded, struct cps_text *made, struct cps_source *source)
{
    cps_text_release(decoded);
    *decoded = *made;
    *made = (struct cps_text){0};
    source->data = decoded->data;
    source->size = decoded->length;
}

static bool is_gzip(const struct cps_source *source)
{
    return begins_with(source, "\x1F\x8B", 2);
}

static bool is_zip(const struct cps_source *source)
{
    return begins_with(source, "PK\x03\x04", 4);
}

/* UTF-16 text has a NUL among its first characters; no other text has. */
static bool is_utf16(const struct cps_source *source)
{
    bool marked = begins_with(source, "\xFF\xFE", 2) || begins_with(source, "\xFE\xFF", 2);
    return marked && source->size >= 4 && (!source->data[2] || !source->data[3]);
}

/* Whether lines end with a carriage return alone. */
static bool has_returns_alone(const struct cps_source *source)
{
    return source->size > 0 && !memchr(source->data, '\n', source->size) &&
           memchr(source->data, '\r', source->size);
}

bool cps_input_needs_decoding(const struct cps_source *bytes, bool latin1)
{
    return latin1 || is_gzip(bytes) || is_zip(bytes) || is_utf16(bytes) || has_returns_alone(bytes);
}

static enum cps_status unpack(struct cps_text *decoded, struct cps_source *source)
{
    struct cps_text made = {0};
    if (!is_gzip(source) && !is_zip(source))
        return CPS_OK;
    enum cps_status status = is_gzip(source) ? cps_unpack_gzip(source, &made) : cps_unpack_zip(source, &made);
    if (status == CPS_OK)
        use(decoded, &made, source);
    cps_text_release(&made);
    return status;
}

static enum cps_status decode_utf16(struct cps_text *decoded, struct cps_source *source)
{
    struct cps_text made = {0};
    if (!is_utf16(source))
        return CPS_OK;
    bool big = (uint8_t)source->data[0] == 0xFE;
    enum cps_status status = cps_utf8_add_utf16(&made, source->data + 2, source->size - 2, big);
    if (status == CPS_ERR_DATA)
        cps_fail(CPS_ERR_DATA, "'%s' starts like UTF-16 but is malformed", source->path);
    if (status == CPS_OK)
        use(decoded, &made, source);
    cps_text_release(&made);
    return status;
}

/* Converts lines that end with a carriage return alone. */
static enum cps_status decode_line_ends(struct cps_text *decoded, struct cps_source *source)
{
    if (!has_returns_alone(source))
        return CPS_OK;
    struct cps_text made = {0};
    CPS_TRY(cps_text_add_bytes(&made, source->data, source->size));
    for (size_t i = 0; i < made.length; i++)
        if (made.data[i] == '\r')
            made.data[i] = '\n';
    use(decoded, &made, source);
    return CPS_OK;
}

static enum cps_status decode_latin1(struct cps_text *decoded, struct cps_source *source)
{
    struct cps_text made = {0};
    if (cps_utf8_is_valid(source->data, source->size))
        return CPS_OK;
    enum cps_status status = cps_utf8_add_latin1(&made, source->data, source->size);
    if (status == CPS_OK)
        use(decoded, &made, source);
    cps_text_release(&made);
    return status;
}

enum cps_status cps_input_decode(struct cps_text *decoded, bool latin1, struct cps_source *source)
{
    CPS_TRY(unpack(decoded, source));
    CPS_TRY(refuse_foreign(source));
    CPS_TRY(decode_utf16(decoded, source));
    if (latin1)
        CPS_TRY(decode_latin1(decoded, source));
    return decode_line_ends(decoded, source);
}

enum cps_status cps_input_open(struct cps_input *self, const char *path, bool latin1, bool decode,
                               struct cps_source *out)
{
    CPS_TRY(cps_file_map(&self->map, path, CPS_ERR_DATA));
    *out = (struct cps_source){.path = path, .data = self->map.data, .size = self->map.size};
    self->needs_decoding = cps_input_needs_decoding(out, latin1);
    if (!decode && self->needs_decoding)
        return CPS_OK;
    return cps_input_decode(&self->decoded, latin1, out);
}

void cps_input_release(struct cps_input *self)
{
    cps_file_unmap(&self->map);
    cps_text_release(&self->decoded);
}
