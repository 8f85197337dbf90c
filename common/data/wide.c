/*
 * The reader of matrices: lines -> cells -> (user, item, rating) -> intake; see wide.h.
 *
 *     line -> cells of its items -> split and checked -> stored     a malformed line adds
 *                  (values, has)                                    nothing
 */
#include "common/data/wide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/data/idcheck.h"
#include "common/data/preamble.h"
#include "common/text/decimal.h"

#define NO_COLUMN SIZE_MAX
#define COLUMNS_MAX 1000000
/* The number of lines whose first column must be their count for it to be recognised as one. */
#define COUNT_LINES 5

struct reader {
    const struct cps_source *source;
    const struct cps_wide_request *request;
    const struct cps_delimiter *delimiter;
    struct cps_intake *intake;
    struct cps_rating_list *into;
    const char *line, *data; /* the first line; the first of data */
    bool header, missing_is_number;
    float missing;
    size_t columns, user, counter; /* how many; that of the user and of a count, or NO_COLUMN */
    uint32_t *item;                /* [columns]: item number, CPS_IDS_NONE until it has a rating */
    float *value;                  /* [columns]: of the line at hand */
    bool *has;
    struct cps_text unquoted;
    uint64_t lines; /* of data, so far */
};

static void reader_release(struct reader *self)
{
    free(self->item);
    free(self->value);
    free(self->has);
    cps_text_release(&self->unquoted);
}

static bool is_missing(const struct reader *self, const struct cps_field *cell, float value, bool is_number)
{
    if (cell->length == 0)
        return true;
    if (!self->request->missing)
        return false;
    return (self->missing_is_number && is_number && value == self->missing) ||
           cps_field_is(cell, self->request->missing);
}

static const char *end_of_record(const struct reader *self, const char *line)
{
    return cps_record_end(self->delimiter, self->source, line, cps_source_line_end(self->source, line));
}

static enum cps_status refuse_length(const struct reader *self, const char *line, size_t cells)
{
    return cps_source_fail(self->source, line, "%zu columns where the first line has %zu", cells,
                           self->columns);
}

static enum cps_status read_cell(struct reader *self, const char *line, size_t column, struct cps_field *cell)
{
    char excerpt[CPS_EXCERPT_BYTES];
    float value = 0;
    cps_field_trim(cell);
    enum cps_decimal_result result = cps_decimal_parse(cell->text, cell->length, &value);
    self->has[column] = !is_missing(self, cell, value, result == CPS_DECIMAL_OK);
    self->value[column] = value;
    if (!self->has[column] || result == CPS_DECIMAL_OK)
        return CPS_OK;
    cps_source_fail(self->source, line, "'%s' in column %zu is not a number",
                    cps_excerpt(cell->text, cell->length, excerpt), column + 1);
    return cps_hint(CPS_ERR_DATA,
                    "--missing names the value that means no rating; --user-column the column of ids");
}

/* Splits the line into values; *user is the field of the user's id. */
static enum cps_status read_line(struct reader *self, const char *line, const char *end, struct cps_field *user)
{
    struct cps_field_cursor cursor = cps_fields_of(self->delimiter, line, cps_source_text_end(line, end));
    struct cps_field cell;
    enum cps_field_result result;
    size_t column = 0;
    for (; (result = cps_field_next(&cursor, &cell)) == CPS_FIELD_CUT; column++) {
        if (column >= self->columns)
            continue;
        if (column != self->user && column != self->counter) {
            CPS_TRY(read_cell(self, line, column, &cell));
            continue;
        }
        self->has[column] = false;
        if (column != self->user)
            continue;
        cps_field_trim(&cell);
        CPS_TRY(cps_field_unquote(&cell, &self->unquoted));
        *user = cell;
    }
    if (result != CPS_FIELD_NONE)
        return cps_field_fail(result, self->source, line, "a rating");
    if (column != self->columns)
        return refuse_length(self, line, column);
    if (self->user == NO_COLUMN)
        return CPS_OK;
    return cps_id_check(self->source, line, "user id", user->text, user->length);
}

/* ---- the head of the file ---- */

static enum cps_status find_named_user(struct reader *self, const struct cps_field *names)
{
    const char *name = self->request->user_column;
    if (!name) {
        if (self->header)
            self->user = cps_header_find_role(names, self->columns, CPS_COLUMN_USER);
        return CPS_OK;
    }
    self->user = self->header ? cps_header_find(names, self->columns, name) : NO_COLUMN;
    uint64_t position;
    if (self->user == NO_COLUMN && cps_text_to_u64(name, &position) && position >= 1 &&
        position <= self->columns)
        self->user = (size_t)position - 1;
    if (self->user == NO_COLUMN)
        return cps_source_fail(self->source, self->line, "no column '%s' for the users among %zu", name,
                               self->columns);
    return CPS_OK;
}

/* Whether each of the first lines of data starts with the number of its ratings. */
static enum cps_status find_counter(struct reader *self)
{
    const char *end = self->source->data + self->source->size;
    const char *line = cps_skip_blank_lines(self->source, self->data);
    size_t lines = 0;
    if (self->user == 0)
        return CPS_OK;
    for (; lines < COUNT_LINES && line < end; lines++) {
        const char *line_end = end_of_record(self, line);
        struct cps_field user;
        float ratings = 0;
        if (read_line(self, line, line_end, &user) != CPS_OK) {
            cps_error_clear(); /* reported when the line is read again */
            return CPS_OK;
        }
        for (size_t column = 1; column < self->columns; column++)
            ratings += self->has[column];
        if (!self->has[0] || self->value[0] != ratings)
            return CPS_OK;
        line = line_end < end ? cps_skip_blank_lines(self->source, line_end + 1) : end;
    }
    if (lines > 0)
        self->counter = 0;
    return CPS_OK;
}

/* Items are named by the header or numbered; items without ratings get no row. */
static enum cps_status cut_names(struct reader *self, struct cps_field **out)
{
    const char *line_end = end_of_record(self, self->line);
    struct cps_field_cursor cursor =
        cps_fields_of(self->delimiter, self->line, cps_source_text_end(self->line, line_end));
    CPS_TRY(cps_alloc("columns", self->columns, sizeof **out, out));
    for (size_t column = 0; column < self->columns; column++) {
        if (cps_field_next(&cursor, &(*out)[column]) != CPS_FIELD_CUT)
            break;
        cps_field_trim(&(*out)[column]);
    }
    return CPS_OK;
}

/* Whether the first line is a header: no cell except the first two is a number or missing. */
static bool is_header(const struct reader *self, const struct cps_field *names)
{
    for (size_t column = 0; column < self->columns; column++) {
        float value = 0;
        bool is_number = cps_decimal_parse(names[column].text, names[column].length, &value) == CPS_DECIMAL_OK;
        if (column > 0 && (is_number || is_missing(self, &names[column], value, is_number)))
            return false;
    }
    return true;
}

static enum cps_status read_head(struct reader *self, struct cps_field **names)
{
    struct cps_preamble preamble;
    CPS_TRY(cps_preamble_skip(self->source, &preamble));
    self->line = preamble.line;
    self->delimiter =
        preamble.delimiter ? preamble.delimiter : cps_delimiter_detect(self->source, self->line, 2);
    if (!self->delimiter)
        return cps_source_fail(self->source, self->line, "a single column is no matrix of ratings");
    const char *line_end = end_of_record(self, self->line), *end = self->source->data + self->source->size;
    self->columns = cps_fields_count(self->delimiter, self->line, cps_source_text_end(self->line, line_end));
    if (self->columns > COLUMNS_MAX)
        return cps_source_fail(self->source, self->line, "more than %d columns", COLUMNS_MAX);
    CPS_TRY(cut_names(self, names));
    self->header = is_header(self, *names);
    self->data = !self->header ? self->line : line_end < end ? line_end + 1 : end;
    CPS_TRY(find_named_user(self, *names));
    CPS_TRY(cps_alloc("columns", self->columns, sizeof *self->item, &self->item));
    CPS_TRY(cps_alloc("columns", self->columns, sizeof *self->value, &self->value));
    CPS_TRY(cps_alloc("columns", self->columns, sizeof *self->has, &self->has));
    for (size_t column = 0; column < self->columns; column++)
        self->item[column] = CPS_IDS_NONE;
    return find_counter(self);
}

/* ---- the ratings ---- */

/* Numbers the item of a column on its first rating. */
static enum cps_status add_item(struct reader *self, const struct cps_field *names, size_t column)
{
    char digits[CPS_ID_INTEGER_BYTES];
    size_t before = (size_t)(self->counter < column) + (size_t)(self->user < column);
    struct cps_field name = {.text = digits, .length = cps_id_from_integer(column + 1 - before, digits)};
    if (self->header) {
        name = names[column];
        CPS_TRY(cps_field_unquote(&name, &self->unquoted));
        CPS_TRY(cps_id_check(self->source, self->line, "item id", name.text, name.length));
    }
    uint32_t known = self->intake->items.count;
    CPS_TRY(cps_intake_new_item_text(self->intake, name.text, name.length, &self->item[column]));
    if (self->item[column] == CPS_IDS_NONE)
        return cps_source_fail(self->source, self->line, "the item of column %zu has no title", column + 1);
    /* The items of a validation file may be known from the training file. */
    for (size_t other = 0; self->header && self->item[column] < known && other < self->columns; other++)
        if (other != column && self->item[other] == self->item[column])
            return cps_source_fail(self->source, self->line, "columns %zu and %zu have the same name",
                                   other + 1, column + 1);
    return CPS_OK;
}

static enum cps_status take_line(struct reader *self, const struct cps_field *names,
                                 const struct cps_field *user)
{
    uint32_t number = CPS_IDS_NONE;
    for (size_t column = 0; column < self->columns; column++) {
        if (!self->has[column])
            continue;
        if (self->into->count >= CPS_RATINGS_MAX)
            return cps_fail(CPS_ERR_DATA, "'%s' has more than %u ratings", self->source->path, CPS_RATINGS_MAX);
        if (number == CPS_IDS_NONE)
            CPS_TRY(self->user == NO_COLUMN
                        ? cps_intake_user(self->intake, self->lines, &number)
                        : cps_ids_add(&self->intake->users, user->text, user->length, &number));
        if (self->item[column] == CPS_IDS_NONE)
            CPS_TRY(add_item(self, names, column));
        CPS_TRY(cps_intake_rating(self->intake, self->into, number, self->item[column], self->value[column]));
    }
    return CPS_OK;
}

static enum cps_status read_lines(struct reader *self, const struct cps_field *names)
{
    const char *end = self->source->data + self->source->size;
    const char *line = cps_skip_blank_lines(self->source, self->data);
    while (line < end) {
        const char *line_end = end_of_record(self, line);
        struct cps_field user = {0};
        self->lines++;
        enum cps_status status = read_line(self, line, line_end, &user);
        if (status == CPS_OK)
            CPS_TRY(take_line(self, names, &user));
        else
            CPS_TRY(status == CPS_ERR_DATA ? cps_skip_line(&self->intake->skip) : status);
        line = line_end < end ? cps_skip_blank_lines(self->source, line_end + 1) : end;
    }
    return CPS_OK;
}

static void describe(const struct reader *self, const struct cps_field *names,
                     char text[CPS_COLUMNS_TEXT_BYTES])
{
    char user[CPS_EXCERPT_BYTES + 32] = "the line's number", counter[48] = "";
    if (self->user != NO_COLUMN) {
        char excerpt[CPS_EXCERPT_BYTES];
        const struct cps_field *name = &names[self->user];
        if (self->header)
            snprintf(user, sizeof user, "column %zu '%s'", self->user + 1,
                     cps_excerpt(name->text, name->length, excerpt));
        else
            snprintf(user, sizeof user, "column %zu", self->user + 1);
    }
    if (self->counter != NO_COLUMN)
        snprintf(counter, sizeof counter, ", column 1 is the number of ratings of its line");
    size_t items = self->columns - (self->user != NO_COLUMN) - (self->counter != NO_COLUMN);
    snprintf(text, CPS_COLUMNS_TEXT_BYTES, "a matrix of %zu items%s, user = %s%s", items,
             self->header ? " named by the header" : "", user, counter);
}

enum cps_status cps_wide_read(const struct cps_source *source, const struct cps_wide_request *request,
                              struct cps_intake *intake, struct cps_rating_list *into,
                              char text[CPS_COLUMNS_TEXT_BYTES])
{
    struct reader self = {.source = source,
                          .request = request,
                          .intake = intake,
                          .into = into,
                          .user = NO_COLUMN,
                          .counter = NO_COLUMN};
    struct cps_field *names = NULL;
    CPS_TRY(cps_source_check_not_empty(source));
    CPS_TRY(cps_source_check_text(source, source->data, source->data + source->size));
    if (request->missing)
        self.missing_is_number =
            cps_decimal_parse(request->missing, strlen(request->missing), &self.missing) == CPS_DECIMAL_OK;
    enum cps_status status = read_head(&self, &names);
    if (status == CPS_OK)
        status = read_lines(&self, names);
    if (status == CPS_OK)
        describe(&self, names, text);
    free(names);
    reader_release(&self);
    return status;
}
