/*
 * The reader of ratings files: bytes -> (user, item, rating) -> intake.
 *
 * Nearly every line of a large file consists of digits and delimiters. Those are read by
 * fast_row(), which returns NULL for anything else; slow_row() then parses the same line
 * with the general splitter and reports errors. The fast path is used only
 * up to the last newline of the file, so that a loop which stops at a newline needs no
 * other bound.
 */
#include "common/data/ratings.h"

#include <string.h>

#include "common/data/idcheck.h"
#include "common/text/decimal.h"

/* The number of bytes checked to be text before they are parsed. */
#define HEAD_BYTES ((size_t)1 << 16)

struct reader {
    const struct cps_source *source;
    struct cps_columns columns;
    struct cps_intake *intake;
    struct cps_rating_list *into;
    struct cps_text unquoted[CPS_COLUMN_ROLES];
    bool spans_lines;
};

/* Digits of an integer id; NULL for anything that might be a string. */
static inline const char *scan_integer(const char *at, uint64_t *out)
{
    const char *start = at;
    uint64_t value = 0;
    uint8_t digit;
    for (; (digit = (uint8_t)(*at - '0')) <= 9; at++)
        value = value * 10 + digit;
    size_t digits = (size_t)(at - start);
    if (digits == 0 || digits > 19 || (*start == '0' && digits > 1))
        return NULL;
    *out = value;
    return at;
}

/* Digits of an integer id, possibly quoted; NULL for anything that might be a string. */
static inline const char *scan_id(const struct cps_delimiter *delimiter, const char *at, uint64_t *out)
{
    if (*at != '"' || !delimiter->quotes)
        return scan_integer(at, out);
    at = scan_integer(at + 1, out);
    return at && *at == '"' ? at + 1 : NULL;
}

/* A rating, possibly quoted or negative. */
static inline const char *scan_rating(const struct cps_delimiter *delimiter, const char *at, float *out)
{
    bool quoted = *at == '"' && delimiter->quotes;
    bool negative = at[quoted] == '-';
    at = cps_decimal_scan(at + quoted + negative, out);
    if (!at)
        return NULL;
    if (negative)
        *out = -*out;
    if (!quoted)
        return at;
    return *at == '"' ? at + 1 : NULL;
}

/* An unquoted field that is not needed. */
static inline const char *scan_other(const struct cps_delimiter *delimiter, const char *at)
{
    if (*at == '"' || *at == ' ')
        return NULL;
    while (*at != '\n' && *at != delimiter->first && !(*at == '\t' && delimiter->runs))
        at++;
    return at;
}

static inline const char *scan_delimiter(const struct cps_delimiter *delimiter, const char *at)
{
    if (*at++ != delimiter->first)
        return NULL;
    if (delimiter->second && *at++ != delimiter->second)
        return NULL;
    return at;
}

struct row {
    uint64_t user, item;
    float rating;
};

/* Reads the line at 'at', which must end with a newline. Returns the end of its last needed
 * field, or NULL. */
static inline const char *fast_row(const struct cps_columns *columns, const char *at, struct row *row)
{
    const struct cps_delimiter *delimiter = columns->delimiter;
    for (size_t column = 0; column < columns->used; column++) {
        if (column > 0 && !(at = scan_delimiter(delimiter, at)))
            return NULL;
        switch (columns->role[column]) {
        case CPS_COLUMN_USER:
            at = scan_id(delimiter, at, &row->user);
            break;
        case CPS_COLUMN_ITEM:
            at = scan_id(delimiter, at, &row->item);
            break;
        case CPS_COLUMN_RATING:
            at = scan_rating(delimiter, at, &row->rating);
            break;
        default:
            at = scan_other(delimiter, at);
        }
        if (!at)
            return NULL;
    }
    bool ends = *at == '\n' || (*at == '\r' && at[1] == '\n') ||
                (*at == delimiter->first && (!delimiter->second || at[1] == delimiter->second));
    return ends ? at : NULL;
}

static enum cps_status refuse_untitled(const struct reader *self, const char *line, const char *id,
                                       size_t length)
{
    char excerpt[CPS_EXCERPT_BYTES];
    cps_source_fail(self->source, line, "item '%s' has no title", cps_excerpt(id, length, excerpt));
    return cps_hint(CPS_ERR_DATA, "--item-key id trains on ids without titles");
}

static enum cps_status refuse_too_many(const struct reader *self)
{
    return cps_fail(CPS_ERR_DATA, "'%s' has more than %u ratings", self->source->path, CPS_RATINGS_MAX);
}

static inline enum cps_status take_fast_row(struct reader *self, const char *line, const struct row *row)
{
    uint32_t user, item;
    CPS_TRY(cps_intake_item(self->intake, row->item, &item));
    if (item == CPS_IDS_NONE) {
        char digits[CPS_ID_INTEGER_BYTES];
        refuse_untitled(self, line, digits, cps_id_from_integer(row->item, digits));
        return cps_skip_line(&self->intake->skip);
    }
    CPS_TRY(cps_intake_user(self->intake, row->user, &user));
    if (self->into->count >= CPS_RATINGS_MAX)
        return refuse_too_many(self);
    return cps_intake_rating(self->intake, self->into, user, item, row->rating);
}

/* Splits off the needed fields of a record, by role; *rest is the start of the others. */
static enum cps_field_result cut_fields(const struct reader *self, const char *line, const char *end,
                                        struct cps_field field[CPS_COLUMN_ROLES], enum cps_column_role *role,
                                        const char **rest)
{
    struct cps_field_cursor cursor = cps_fields_of(self->columns.delimiter, line, end);
    for (size_t column = 0; column < self->columns.used; column++) {
        struct cps_field cut;
        *role = (enum cps_column_role)self->columns.role[column];
        enum cps_field_result result = cps_field_next(&cursor, &cut);
        if (result != CPS_FIELD_CUT)
            return result;
        if (*role == CPS_COLUMN_OTHER)
            continue;
        cps_field_trim(&cut);
        field[*role] = cut;
    }
    *rest = cursor.at ? cursor.at : end;
    return CPS_FIELD_CUT;
}

/* Splits the record at line; *record_end is the end of its last line. */
static enum cps_status cut_row(struct reader *self, const char *line, const char **record_end,
                               struct cps_field field[CPS_COLUMN_ROLES])
{
    const char *line_end = cps_source_line_end(self->source, line), *end = cps_source_text_end(line, line_end);
    const char *rest;
    enum cps_column_role role;
    *record_end = line_end;
    enum cps_field_result result = cut_fields(self, line, end, field, &role, &rest);
    if (result == CPS_FIELD_UNCLOSED || (result == CPS_FIELD_CUT && memchr(rest, '"', (size_t)(end - rest)))) {
        *record_end = cps_record_end(self->columns.delimiter, self->source, line, line_end);
        self->spans_lines = self->spans_lines || *record_end != line_end;
        if (result == CPS_FIELD_UNCLOSED && *record_end != line_end)
            result = cut_fields(self, line, cps_source_text_end(line, *record_end), field, &role, &rest);
    }
    if (result != CPS_FIELD_CUT)
        return cps_field_fail(result, self->source, line, cps_column_role_name(role));
    for (int r = 0; r < CPS_COLUMN_ROLES; r++)
        CPS_TRY(cps_field_unquote(&field[r], &self->unquoted[r]));
    return CPS_OK;
}

static enum cps_status read_rating(const struct reader *self, const char *line, const struct cps_field *field,
                                   float *rating)
{
    char excerpt[CPS_EXCERPT_BYTES];
    enum cps_decimal_result result = cps_decimal_parse(field->text, field->length, rating);
    if (result == CPS_DECIMAL_OK)
        return CPS_OK;
    if (field->length == 0)
        return cps_source_fail(self->source, line, "empty rating");
    cps_source_fail(self->source, line,
                    result == CPS_DECIMAL_NOT_FINITE ? "rating '%s' is not finite"
                                                     : "rating '%s' is not a number",
                    cps_excerpt(field->text, field->length, excerpt));
    if (cps_decimal_has_comma(field->text, field->length))
        cps_columns_hint_at_comma(self->columns.delimiter);
    return CPS_ERR_DATA;
}

/* Finds the number of an id, or checks that the id is valid. */
static enum cps_status find_id(const struct reader *self, const char *line, const char *what,
                               const struct cps_ids *ids, const struct cps_field *id, uint32_t *number)
{
    *number = CPS_IDS_NONE;
    if (id->length > 0 && id->length <= CPS_ID_MAX_BYTES)
        *number = cps_ids_find(ids, id->text, id->length);
    return *number != CPS_IDS_NONE ? CPS_OK : cps_id_check(self->source, line, what, id->text, id->length);
}

/* Stores a rating whose ids are numbered or valid. */
static enum cps_status take_row(struct reader *self, const char *line,
                                const struct cps_field field[CPS_COLUMN_ROLES], uint32_t user, uint32_t item,
                                float rating)
{
    const struct cps_field *user_id = &field[CPS_COLUMN_USER], *item_id = &field[CPS_COLUMN_ITEM];
    if (item == CPS_IDS_NONE)
        CPS_TRY(cps_intake_new_item_text(self->intake, item_id->text, item_id->length, &item));
    if (item == CPS_IDS_NONE) {
        refuse_untitled(self, line, item_id->text, item_id->length);
        return cps_skip_line(&self->intake->skip);
    }
    if (user == CPS_IDS_NONE)
        CPS_TRY(cps_ids_add(&self->intake->users, user_id->text, user_id->length, &user));
    if (self->into->count >= CPS_RATINGS_MAX)
        return refuse_too_many(self);
    return cps_intake_rating(self->intake, self->into, user, item, rating);
}

/* Reads the record at line; *end is the end of its last line. */
static enum cps_status slow_row(struct reader *self, const char *line, const char **end)
{
    struct cps_field field[CPS_COLUMN_ROLES];
    float rating = 0;
    uint32_t user = CPS_IDS_NONE, item = CPS_IDS_NONE;
    enum cps_status status = cut_row(self, line, end, field);
    if (status == CPS_OK)
        status = read_rating(self, line, &field[CPS_COLUMN_RATING], &rating);
    if (status == CPS_OK)
        status = find_id(self, line, "user id", &self->intake->users, &field[CPS_COLUMN_USER], &user);
    if (status == CPS_OK)
        status = find_id(self, line, "item id", &self->intake->items, &field[CPS_COLUMN_ITEM], &item);
    if (status == CPS_OK)
        return take_row(self, line, field, user, item, rating);
    return status == CPS_ERR_DATA ? cps_skip_line(&self->intake->skip) : status;
}

/* The end of the last line that ends with a newline. */
static const char *last_newline_end(const struct cps_source *source)
{
    const char *last = memrchr(source->data, '\n', source->size);
    return last ? last + 1 : source->data;
}

/* The end of the record at line, whose needed fields fast_row() read up to 'at'. */
static const char *end_of_fast_row(struct reader *self, const char *line, const char *at)
{
    const char *line_end = cps_source_line_end(self->source, at);
    if (at == line_end || !memchr(at, '"', (size_t)(line_end - at)))
        return line_end;
    const char *end = cps_record_end(self->columns.delimiter, self->source, line, line_end);
    self->spans_lines = self->spans_lines || end != line_end;
    return end;
}

/* The first line that starts at or after 'at'. */
static const char *next_line(const struct cps_source *source, const char *first, const char *at)
{
    if (at <= first)
        return first;
    const char *end = source->data + source->size, *line_end = cps_source_line_end(source, at - 1);
    return line_end < end ? line_end + 1 : end;
}

/* The start of this share of the lines from first on. */
static const char *share_begin(const struct cps_source *source, const char *first, uint32_t index,
                               uint32_t count)
{
    size_t bytes = (size_t)(source->data + source->size - first);
    return next_line(source, first, first + (size_t)((__uint128_t)bytes * index / count));
}

/* Reads the records that begin in [line, limit). */
static enum cps_status read_rows(struct reader *self, const char *line, const char *limit)
{
    const char *end = self->source->data + self->source->size;
    const char *fast_end = last_newline_end(self->source);
    struct row row = {0};
    while (line < limit) {
        const char *at = line < fast_end ? fast_row(&self->columns, line, &row) : NULL;
        const char *row_end;
        if (at) {
            CPS_TRY(take_fast_row(self, line, &row));
            row_end = end_of_fast_row(self, line, at);
        } else {
            line = cps_skip_blank_lines(self->source, line);
            if (line >= limit)
                break;
            CPS_TRY(slow_row(self, line, &row_end));
        }
        line = row_end < end ? row_end + 1 : end;
    }
    return CPS_OK;
}

enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_ratings_share share, struct cps_intake *intake,
                                 struct cps_rating_list *into, char text[CPS_COLUMNS_TEXT_BYTES],
                                 bool *spans_lines)
{
    struct reader self = {.source = source, .intake = intake, .into = into};
    CPS_TRY(cps_source_check_not_empty(source));
    CPS_TRY(cps_source_check_text(source, source->data,
                                  source->data + (source->size < HEAD_BYTES ? source->size : HEAD_BYTES)));
    CPS_TRY(cps_columns_detect(source, request, &self.columns));
    const char *begin = share_begin(source, self.columns.data, share.index, share.count);
    const char *end = share_begin(source, self.columns.data, share.index + 1, share.count);
    CPS_TRY(cps_source_check_text(source, begin, end));
    enum cps_status status = read_rows(&self, begin, end);
    for (int role = 0; role < CPS_COLUMN_ROLES; role++)
        cps_text_release(&self.unquoted[role]);
    memcpy(text, self.columns.text, CPS_COLUMNS_TEXT_BYTES);
    *spans_lines = *spans_lines || self.spans_lines;
    return status;
}
