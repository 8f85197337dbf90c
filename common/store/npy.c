/*
 * Reading .npy: magic, version, length, then a Python dictionary in text, then data.
 *
 *     \x93NUMPY  1 0  u16   {'descr': '<i4', 'fortran_order': False, 'shape': (6250, 64), }
 *     \x93NUMPY  2 0  u32   the same (3 0: in UTF-8)
 *
 * The dictionary is parsed as a Python literal with three known keys in any order; anything else in it is
 * refused.
 */
#include "common/store/npy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define DESCR_BYTES 32

/* The dictionary being read. */
struct literal {
    const char *next, *end;
};

struct npy_header {
    char descr[DESCR_BYTES];
    bool fortran_order;
    uint64_t shape[2];
    uint64_t dimensions;
    unsigned seen; /* one bit for each key */
};

enum { SEEN_DESCR = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4, SEEN_ALL = 7 };

static void skip_spaces(struct literal *text)
{
    while (text->next < text->end && isspace((unsigned char)*text->next))
        text->next++;
}

/* Takes c if it is the next character after spaces. */
static bool take(struct literal *text, char c)
{
    skip_spaces(text);
    if (text->next == text->end || *text->next != c)
        return false;
    text->next++;
    return true;
}

static bool take_word(struct literal *text, const char *word)
{
    skip_spaces(text);
    size_t length = strlen(word);
    if ((size_t)(text->end - text->next) < length || memcmp(text->next, word, length) != 0)
        return false;
    text->next += length;
    return true;
}

/* A quoted string of printable characters, without escapes. */
static bool take_string(struct literal *text, char out[DESCR_BYTES])
{
    skip_spaces(text);
    if (text->next == text->end || (*text->next != '\'' && *text->next != '"'))
        return false;
    char quote = *text->next++;
    size_t length = 0;
    for (; text->next < text->end && *text->next != quote; text->next++) {
        if (length == DESCR_BYTES - 1 || !isprint((unsigned char)*text->next) || *text->next == '\\')
            return false;
        out[length++] = *text->next;
    }
    out[length] = '\0';
    return take(text, quote);
}

static bool take_size(struct literal *text, uint64_t *out)
{
    skip_spaces(text);
    const char *first = text->next;
    *out = 0;
    for (; text->next < text->end && isdigit((unsigned char)*text->next); text->next++)
        if (__builtin_mul_overflow(*out, UINT64_C(10), out) ||
            __builtin_add_overflow(*out, (uint64_t)(*text->next - '0'), out))
            return false;
    return text->next > first;
}

/* Takes (a, b); of further dimensions only the number is kept. */
static bool take_shape(struct literal *text, struct npy_header *header)
{
    if (!take(text, '('))
        return false;
    for (header->dimensions = 0; !take(text, ')'); header->dimensions++) {
        uint64_t size;
        if (!take_size(text, &size))
            return false;
        if (header->dimensions < 2)
            header->shape[header->dimensions] = size;
        if (!take(text, ',')) {
            header->dimensions++;
            return take(text, ')');
        }
    }
    return true;
}

static bool take_order(struct literal *text, struct npy_header *header)
{
    header->fortran_order = take_word(text, "True");
    return header->fortran_order || take_word(text, "False");
}

static bool take_entry(struct literal *text, struct npy_header *header)
{
    char key[DESCR_BYTES];
    if (!take_string(text, key) || !take(text, ':'))
        return false;
    unsigned bit = strcmp(key, "descr") == 0           ? SEEN_DESCR
                   : strcmp(key, "fortran_order") == 0 ? SEEN_ORDER
                   : strcmp(key, "shape") == 0         ? SEEN_SHAPE
                                                       : 0;
    if (bit == 0 || header->seen & bit)
        return false;
    header->seen |= bit;
    if (bit == SEEN_DESCR)
        return take_string(text, header->descr);
    return bit == SEEN_ORDER ? take_order(text, header) : take_shape(text, header);
}

static bool take_dictionary(struct literal *text, struct npy_header *header)
{
    if (!take(text, '{'))
        return false;
    while (!take(text, '}')) {
        if (!take_entry(text, header))
            return false;
        if (!take(text, ',')) {
            if (!take(text, '}'))
                return false;
            break;
        }
    }
    skip_spaces(text);
    return text->next == text->end && header->seen == SEEN_ALL;
}

/* Finds the dictionary, whose position depends on the version of the file. */
static enum cps_status find_dictionary(const struct cps_npy *self, const char *path, struct literal *text)
{
    const char *data = self->map.data;
    size_t size = self->map.size;
    if (size < MAGIC_BYTES + 4 || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
        return cps_fail(CPS_ERR_DATA, "'%s' is not a .npy file", path);
    const unsigned char *bytes = (const unsigned char *)data;
    unsigned major = bytes[MAGIC_BYTES], minor = bytes[MAGIC_BYTES + 1];
    if (major < 1 || major > 3 || minor != 0)
        return cps_fail(CPS_ERR_DATA, "'%s': version %u.%u of the .npy format is not known", path, major,
                        minor);
    size_t begin = MAGIC_BYTES + 2 + (major == 1 ? 2 : 4);
    if (size < begin)
        return cps_fail(CPS_ERR_DATA, "'%s': the file ends in its header", path);
    uint64_t length = 0;
    for (size_t i = begin; i-- > MAGIC_BYTES + 2;)
        length = length << 8 | bytes[i];
    if (length > size - begin)
        return cps_fail(CPS_ERR_DATA, "'%s': the file ends in its header", path);
    *text = (struct literal){data + begin, data + begin + length};
    return CPS_OK;
}

static enum cps_status check_kind(const char *path, const struct npy_header *header)
{
    if (strcmp(header->descr, "<i4") != 0 && strcmp(header->descr, "<i8") != 0) {
        cps_fail(CPS_ERR_DATA, "'%s' holds '%s', expected int32 ('<i4') or int64 ('<i8')", path, header->descr);
        return cps_hint(CPS_ERR_DATA, "numpy.save(file, order.astype('<i4')) writes it");
    }
    if (header->fortran_order) {
        cps_fail(CPS_ERR_DATA, "'%s' is stored column after column", path);
        return cps_hint(CPS_ERR_DATA,
                        "numpy.save(file, numpy.ascontiguousarray(order)) writes it row after row");
    }
    if (header->dimensions != 2)
        return cps_fail(CPS_ERR_DATA, "'%s' has %" PRIu64 " dimension(s), expected 2: [steps, batch]", path,
                        header->dimensions);
    return CPS_OK;
}

static enum cps_status check_size(const struct cps_npy *self, const char *path)
{
    uint64_t bytes;
    uint64_t have = self->map.size - (uint64_t)(self->data - self->map.data);
    if (__builtin_mul_overflow(self->rows, self->columns, &bytes) ||
        __builtin_mul_overflow(bytes, (uint64_t)self->item_bytes, &bytes))
        return cps_fail(CPS_ERR_DATA, "'%s': its shape is beyond 64 bits", path);
    if (bytes != have)
        return cps_fail(CPS_ERR_DATA, "'%s': %" PRIu64 " bytes of data, but its shape needs %" PRIu64, path,
                        have, bytes);
    return CPS_OK;
}

static enum cps_status parse(struct cps_npy *self, const char *path)
{
    struct literal text = {0};
    struct npy_header header = {0};
    CPS_TRY(find_dictionary(self, path, &text));
    self->data = text.end;
    if (!take_dictionary(&text, &header))
        return cps_fail(CPS_ERR_DATA, "'%s': its header is not a dictionary of descr, fortran_order and shape",
                        path);
    CPS_TRY(check_kind(path, &header));
    self->rows = header.shape[0];
    self->columns = header.shape[1];
    self->item_bytes = header.descr[2] == '4' ? 4 : 8;
    return check_size(self, path);
}

enum cps_status cps_npy_open(struct cps_npy *self, const char *path)
{
    *self = (struct cps_npy){0};
    CPS_TRY(cps_file_map(&self->map, path, CPS_ERR_DATA));
    enum cps_status status = parse(self, path);
    if (status != CPS_OK)
        cps_npy_release(self);
    return status;
}

void cps_npy_release(struct cps_npy *self)
{
    cps_file_unmap(&self->map);
    *self = (struct cps_npy){0};
}

enum cps_status cps_npy_check_below(const struct cps_npy *self, const char *path, uint64_t limit)
{
    for (uint64_t row = 0; row < self->rows; row++)
        for (uint64_t column = 0; column < self->columns; column++) {
            int64_t value = cps_npy_at(self, row, column);
            if (value < 0 || (uint64_t)value >= limit)
                return cps_fail(CPS_ERR_DATA,
                                "'%s': %" PRId64 " at [%" PRIu64 ", %" PRIu64 "] is not below %" PRIu64, path,
                                value, row, column, limit);
        }
    return CPS_OK;
}
