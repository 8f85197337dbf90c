/*
 * The reader of ratings files: bytes -> (user, item, rating) -> intake.
 *
 * Nearly every line of a large file is digits and delimiters. Those are read by
 * fast_row(), which gives up without a word on anything else; slow_row() then reads
 * the same line the careful way and finds the words for what is wrong with it. The
 * fast path is only used up to the last newline of the file, so that a loop which
 * stops at a newline needs no other bound.
 */
#include "common/data/ratings.h"

#include <string.h>

#include "common/data/decimal.h"
#include "common/data/idcheck.h"

struct reader {
    const struct cps_source *source;
    struct cps_columns columns;
    struct cps_intake *intake;
    struct cps_sample_buffer *into;
    struct cps_text unquoted[CPS_COLUMN_ROLES];
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

/* An unquoted field that nobody asked for. */
static inline const char *scan_other(const struct cps_delimiter *delimiter, const char *at)
{
    if (*at == '"' || *at == ' ')
        return NULL;
    while (*at != '\n' && *at != delimiter->first)
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

/* Reads the line at 'at', which a newline ends. Returns where its last needed field
 * ends, or NULL. */
static inline const char *fast_row(const struct cps_columns *columns, const char *at, struct row *row)
{
    const struct cps_delimiter *delimiter = columns->delimiter;
    for (size_t column = 0; column < columns->used; column++) {
        if (column > 0 && !(at = scan_delimiter(delimiter, at)))
            return NULL;
        switch (columns->role[column]) {
        case CPS_COLUMN_USER:
            at = scan_integer(at, &row->user);
            break;
        case CPS_COLUMN_ITEM:
            at = scan_integer(at, &row->item);
            break;
        case CPS_COLUMN_RATING:
            at = cps_decimal_scan(at, &row->rating);
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

static enum cps_status refuse_untitled(const struct reader *self, const char *line, uint32_t item)
{
    char digits[CPS_ID_INTEGER_BYTES], excerpt[CPS_EXCERPT_BYTES];
    size_t length;
    const char *id = cps_ids_text(&self->intake->items, item, digits, &length);
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
    bool titled;
    CPS_TRY(cps_intake_user(self->intake, row->user, &user));
    CPS_TRY(cps_intake_item(self->intake, row->item, &item, &titled));
    if (!titled)
        return refuse_untitled(self, line, item);
    if (self->into->seen >= CPS_RATINGS_MAX)
        return refuse_too_many(self);
    return cps_intake_rating(self->intake, self->into, user, item, row->rating);
}

/* Cuts the needed fields of a line, by role. */
static enum cps_status cut_row(struct reader *self, const char *line, const char *end,
                               struct cps_field field[CPS_COLUMN_ROLES])
{
    struct cps_field_cursor cursor = cps_fields_of(self->columns.delimiter, line, end);
    for (size_t column = 0; column < self->columns.used; column++) {
        enum cps_column_role role = (enum cps_column_role)self->columns.role[column];
        struct cps_field cut;
        enum cps_field_result result = cps_field_next(&cursor, &cut);
        if (result != CPS_FIELD_CUT)
            return cps_field_fail(result, self->source, line, cps_column_role_name(role));
        if (role == CPS_COLUMN_OTHER)
            continue;
        cps_field_trim(&cut);
        CPS_TRY(cps_field_undouble(&cut, &self->unquoted[role]));
        field[role] = cut;
    }
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
    return cps_source_fail(self->source, line,
                           result == CPS_DECIMAL_NOT_FINITE ? "rating '%s' is not finite"
                                                            : "rating '%s' is not a number",
                           cps_excerpt(field->text, field->length, excerpt));
}

static enum cps_status add_user(struct reader *self, const char *line, const struct cps_field *id,
                                uint32_t *number)
{
    uint32_t known = self->intake->users.count;
    /* The length is looked at each time, the rest only when the id is new. */
    if (id->length == 0 || id->length > CPS_ID_MAX_BYTES)
        return cps_id_check(self->source, line, "user id", id->text, id->length);
    CPS_TRY(cps_ids_add(&self->intake->users, id->text, id->length, number));
    if (*number != known)
        return CPS_OK;
    CPS_TRY(cps_id_check(self->source, line, "user id", id->text, id->length));
    return cps_intake_new_user(self->intake, known);
}

static enum cps_status add_item(struct reader *self, const char *line, const struct cps_field *id,
                                uint32_t *number)
{
    uint32_t known = self->intake->items.count;
    if (id->length == 0 || id->length > CPS_ID_MAX_BYTES)
        return cps_id_check(self->source, line, "item id", id->text, id->length);
    CPS_TRY(cps_ids_add(&self->intake->items, id->text, id->length, number));
    if (*number != known)
        return CPS_OK;
    CPS_TRY(cps_id_check(self->source, line, "item id", id->text, id->length));
    bool titled;
    CPS_TRY(cps_intake_new_item(self->intake, known, &titled));
    return titled ? CPS_OK : refuse_untitled(self, line, known);
}

static enum cps_status slow_row(struct reader *self, const char *line, const char *end)
{
    struct cps_field field[CPS_COLUMN_ROLES];
    float rating;
    uint32_t user, item;
    CPS_TRY(cut_row(self, line, end, field));
    CPS_TRY(read_rating(self, line, &field[CPS_COLUMN_RATING], &rating));
    CPS_TRY(add_user(self, line, &field[CPS_COLUMN_USER], &user));
    CPS_TRY(add_item(self, line, &field[CPS_COLUMN_ITEM], &item));
    if (self->into->seen >= CPS_RATINGS_MAX)
        return refuse_too_many(self);
    return cps_intake_rating(self->intake, self->into, user, item, rating);
}

/* Where the last line that a newline ends is over. */
static const char *last_newline_end(const struct cps_source *source)
{
    const char *last = memrchr(source->data, '\n', source->size);
    return last ? last + 1 : source->data;
}

static enum cps_status read_rows(struct reader *self)
{
    const char *end = self->source->data + self->source->size;
    const char *fast_end = self->columns.delimiter->runs ? self->source->data : last_newline_end(self->source);
    const char *line = self->columns.data;
    struct row row = {0};
    while (line < end) {
        const char *at = line < fast_end ? fast_row(&self->columns, line, &row) : NULL;
        if (at) {
            CPS_TRY(take_fast_row(self, line, &row));
        } else {
            line = cps_skip_blank_lines(self->source, line);
            if (line == end)
                break;
            at = cps_source_line_end(self->source, line);
            CPS_TRY(slow_row(self, line, cps_source_text_end(line, at)));
        }
        const char *line_end = cps_source_line_end(self->source, at);
        line = line_end < end ? line_end + 1 : end;
    }
    return CPS_OK;
}

enum cps_status cps_ratings_read(const struct cps_source *source, const struct cps_column_request *request,
                                 struct cps_intake *intake, struct cps_sample_buffer *into)
{
    struct reader self = {.source = source, .intake = intake, .into = into};
    CPS_TRY(cps_source_check_text(source));
    CPS_TRY(cps_columns_detect(source, request, &self.columns));
    enum cps_status status = read_rows(&self);
    for (int role = 0; role < CPS_COLUMN_ROLES; role++)
        cps_text_release(&self.unquoted[role]);
    if (status == CPS_OK && into->seen == 0)
        return cps_fail(CPS_ERR_DATA, "'%s' holds no ratings, only a header", source->path);
    return status;
}
