/* Detects the columns of a ratings file; see columns.h. Runs once per file, before
 * ratings.c reads its rows. */
#include "common/data/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/data/guess.h"
#include "common/data/preamble.h"
#include "common/text/decimal.h"

#define UNKNOWN CPS_COLUMN_NONE
/* A table with more columns than this, none of them identified, is assumed to be a matrix. */
#define MATRIX_COLUMNS 16

/* The head of the table. */
struct head {
    const struct cps_source *source;
    const struct cps_delimiter *delimiter;
    const char *line, *end;                  /* the first line */
    struct cps_field field[CPS_COLUMNS_MAX]; /* its first fields */
    size_t fields;                           /* how many of those */
    bool header;
    const char *data; /* the first line of data */
    size_t count;     /* columns of a line of data */
    size_t shift;     /* columns before the first that the header names: 0 or 1 */
};

static const char *option_name(size_t role)
{
    static const char *const names[] = {"--user-column", "--item-column", "--rating-column"};
    return names[role];
}

static enum cps_status hint_at_options(void)
{
    return cps_hint(CPS_ERR_DATA, "say which they are with --user-column, --item-column and --rating-column: "
                                  "a name of the header or a position, counted from 1");
}

enum cps_status cps_columns_hint_at_comma(const struct cps_delimiter *delimiter)
{
    if (delimiter == &cps_delimiter_comma)
        return cps_hint(CPS_ERR_DATA, "numbers have a decimal point and no commas: export them as 1234.5");
    return cps_hint(CPS_ERR_DATA,
                    "numbers have a decimal point: sed 's/,/./g' FILE turns the commas into points");
}

static bool is_number(const struct cps_field *field)
{
    float value;
    return cps_decimal_parse(field->text, field->length, &value) != CPS_DECIMAL_NOT_A_NUMBER;
}

/* ---- the head ---- */

static bool is_position(const char *name)
{
    uint64_t position;
    return cps_text_to_u64(name, &position);
}

static bool has_wanted_name(const struct head *head, const struct cps_column_request *request)
{
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++)
        if (request->name[role] && !is_position(request->name[role]) &&
            cps_header_find(head->field, head->fields, request->name[role]) != UNKNOWN)
            return true;
    return false;
}

static bool has_known_names(const struct head *head)
{
    int roles = 0;
    for (int role = 0; role < CPS_COLUMN_ROLES; role++)
        roles += cps_header_find_role(head->field, head->fields, (enum cps_column_role)role) != UNKNOWN;
    return roles == CPS_COLUMN_ROLES;
}

static bool is_header(const struct head *head, const struct cps_column_request *request)
{
    if (has_wanted_name(head, request) || has_known_names(head))
        return true;
    for (size_t i = 0; i < head->fields; i++)
        if (is_number(&head->field[i]))
            return false;
    return true;
}

static bool is_whole(const struct cps_field *field, size_t value)
{
    uint64_t whole;
    char text[8];
    if (field->length == 0 || field->length >= sizeof text)
        return false;
    memcpy(text, field->text, field->length);
    text[field->length] = 0;
    return cps_text_to_u64(text, &whole) && whole == value;
}

/* Whether the first line only numbers the columns: 0, 1, 2, ..., perhaps after an empty name, as data frames
 * without names are written. If the next line is about a user 0 as well, it is data. */
static bool is_numbering(const struct head *head)
{
    size_t first = head->fields > 0 && head->field[0].length == 0;
    if (head->fields < first + CPS_COLUMN_ROLES)
        return false;
    for (size_t i = first; i < head->fields; i++)
        if (!is_whole(&head->field[i], i - first))
            return false;
    const char *next = cps_source_line_end(head->source, head->line),
               *end = head->source->data + head->source->size;
    if (first || next == end)
        return first;
    next = cps_skip_blank_lines(head->source, next + 1);
    struct cps_field_cursor cursor =
        cps_fields_of(head->delimiter, next, cps_source_line_end(head->source, next));
    struct cps_field field = {0};
    if (next == end || cps_field_next(&cursor, &field) != CPS_FIELD_CUT)
        return false;
    cps_field_trim(&field);
    return !is_whole(&field, 0);
}

static enum cps_status cut_first_line(struct head *head)
{
    struct cps_field_cursor cursor = cps_fields_of(head->delimiter, head->line, head->end);
    enum cps_field_result result = CPS_FIELD_CUT;
    while (head->fields < CPS_COLUMNS_MAX) {
        struct cps_field *field = &head->field[head->fields];
        result = cps_field_next(&cursor, field);
        if (result != CPS_FIELD_CUT)
            break;
        cps_field_trim(field);
        head->fields++;
    }
    if (result == CPS_FIELD_UNCLOSED || result == CPS_FIELD_TRAILING)
        return cps_field_fail(result, head->source, head->line, "");
    return CPS_OK;
}

static enum cps_status refuse_few_columns(const struct head *head)
{
    char excerpt[CPS_EXCERPT_BYTES];
    cps_source_fail(head->source, head->line, "no user, item and rating in '%s'",
                    cps_excerpt(head->line, (size_t)(head->end - head->line), excerpt));
    return cps_hint(CPS_ERR_DATA,
                    "three columns are needed, separated by a tab, '::', ',', ';', '|' or blanks");
}

/* The fields of the line at 'at', and whether the last of them is empty. */
static size_t count_fields(const struct head *head, const char *at, bool *last_empty)
{
    const char *line_end =
        cps_record_end(head->delimiter, head->source, at, cps_source_line_end(head->source, at));
    struct cps_field_cursor cursor = cps_fields_of(head->delimiter, at, cps_source_text_end(at, line_end));
    struct cps_field field = {0};
    size_t count = 0;
    while (cps_field_next(&cursor, &field) == CPS_FIELD_CUT)
        count++;
    *last_empty = count > 0 && field.length == 0;
    return count;
}

/* Handles a header that is one name short because the first column holds row names. */
static enum cps_status find_shift(struct head *head)
{
    const char *first = cps_skip_blank_lines(head->source, head->data);
    size_t named = cps_fields_count(head->delimiter, head->line, head->end);
    bool last_empty, row_names = false;
    head->count = named;
    if (!head->header || first == head->source->data + head->source->size)
        return CPS_OK;
    size_t count = count_fields(head, first, &last_empty);
    if (count != named + 1 || last_empty)
        return CPS_OK;
    CPS_TRY(cps_guess_row_names(head->source, head->delimiter, first, count, &row_names));
    head->shift = row_names;
    if (row_names)
        head->count = count;
    return CPS_OK;
}

static enum cps_status read_head(const struct cps_source *source, const struct cps_column_request *request,
                                 struct head *head)
{
    struct cps_preamble preamble;
    *head = (struct head){.source = source};
    CPS_TRY(cps_preamble_skip(source, &preamble));
    head->line = preamble.line;
    const char *line_end = cps_source_line_end(source, head->line), *end = source->data + source->size;
    head->end = cps_source_text_end(head->line, line_end);
    head->delimiter =
        preamble.delimiter ? preamble.delimiter : cps_delimiter_detect(source, head->line, CPS_COLUMN_ROLES);
    if (!head->delimiter || cps_fields_count(head->delimiter, head->line, head->end) < CPS_COLUMN_ROLES)
        return refuse_few_columns(head);
    CPS_TRY(cut_first_line(head));
    bool numbering = is_numbering(head);
    head->header = !numbering && is_header(head, request);
    head->data = !head->header && !numbering ? head->line : line_end < end ? line_end + 1 : end;
    return find_shift(head);
}

/* ---- the columns ---- */

/* A column that the caller named. */
static enum cps_status find_wanted(const struct head *head, const char *name, size_t role, size_t *column)
{
    *column = head->header ? cps_header_find(head->field, head->fields, name) : UNKNOWN;
    if (*column != UNKNOWN) {
        *column += head->shift;
        return CPS_OK;
    }
    uint64_t position;
    if (cps_text_to_u64(name, &position)) {
        if (position == 0 || position > CPS_COLUMNS_MAX)
            return cps_fail(CPS_ERR_USAGE, "%s '%s' is not a position between 1 and %d", option_name(role),
                            name, CPS_COLUMNS_MAX);
        *column = (size_t)position - 1;
        return CPS_OK;
    }
    char excerpt[CPS_EXCERPT_BYTES];
    cps_source_fail(head->source, head->line,
                    head->header ? "no column is named '%s'" : "no header to find '%s' in", name);
    if (!head->header)
        return cps_hint(CPS_ERR_DATA, "give the column's position, counted from 1");
    return cps_hint(CPS_ERR_DATA, "the header is '%s'",
                    cps_excerpt(head->line, (size_t)(head->end - head->line), excerpt));
}

/* Assigns the free columns, from the left, to roles still unknown. */
static void take_free_columns(size_t column[CPS_COLUMN_ROLES])
{
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        size_t candidate = 0;
        while (column[role] == UNKNOWN) {
            bool taken = false;
            for (size_t other = 0; other < CPS_COLUMN_ROLES; other++)
                taken = taken || column[other] == candidate;
            if (!taken)
                column[role] = candidate;
            candidate++;
        }
    }
}

static enum cps_status refuse_guess(const struct head *head, const char *reason)
{
    cps_source_fail(head->source, head->line, "cannot tell which of %zu columns are user, item and rating: %s",
                    head->count, reason);
    if (head->count > MATRIX_COLUMNS)
        return cps_hint(CPS_ERR_DATA,
                        "--layout wide reads a matrix with a line per user and a column per item; "
                        "else give --user-column, --item-column and --rating-column");
    const struct cps_field *third = &head->field[CPS_COLUMN_RATING];
    if (!head->header && cps_decimal_has_comma(third->text, third->length))
        return cps_columns_hint_at_comma(head->delimiter);
    return hint_at_options();
}

/* Reports a header that names some roles but not this one. */
static enum cps_status refuse_unnamed(const struct head *head, size_t role)
{
    cps_source_fail(head->source, head->line, "no column of the header looks like %s",
                    cps_column_role_name((enum cps_column_role)role));
    if (head->count > MATRIX_COLUMNS)
        return cps_hint(CPS_ERR_DATA,
                        "--layout wide reads a matrix with a line per user and a column per item; "
                        "else name the column with %s",
                        option_name(role));
    return cps_hint(CPS_ERR_DATA, "name it with %s", option_name(role));
}

/* Whether columns may be guessed despite a header that names no role: only three, or three and a time. */
static bool is_guessable(const struct head *head)
{
    return !head->header || head->count == CPS_COLUMN_ROLES ||
           (head->count == CPS_COLUMN_ROLES + 1 && head->fields == head->count &&
            cps_header_is_time(&head->field[CPS_COLUMN_ROLES]));
}

/* Guesses the unknown roles from the left, if the guess can be checked. */
static enum cps_status guess(const struct head *head, size_t column[CPS_COLUMN_ROLES])
{
    struct cps_guess guess = {.delimiter = head->delimiter, .data = head->data, .count = head->count};
    char reason[CPS_GUESS_REASON_BYTES];
    bool any = false;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        guess.guessed[role] = column[role] == UNKNOWN;
        any = any || guess.guessed[role];
    }
    if (!any)
        return CPS_OK;
    if (!is_guessable(head))
        return refuse_guess(head, "the header has no known column name");
    take_free_columns(column);
    memcpy(guess.column, column, sizeof guess.column);
    CPS_TRY(cps_guess_check(&guess, head->source, reason));
    return reason[0] ? refuse_guess(head, reason) : CPS_OK;
}

static enum cps_status find_columns(const struct head *head, const struct cps_column_request *request,
                                    size_t column[CPS_COLUMN_ROLES])
{
    bool recognised = false;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        column[role] = UNKNOWN;
        if (request->name[role]) {
            CPS_TRY(find_wanted(head, request->name[role], role, &column[role]));
        } else if (head->header) {
            column[role] = cps_header_find_role(head->field, head->fields, (enum cps_column_role)role);
            recognised = recognised || column[role] != UNKNOWN;
            column[role] += column[role] != UNKNOWN ? head->shift : 0;
        }
    }
    for (size_t role = 0; role < CPS_COLUMN_ROLES && recognised; role++)
        if (column[role] == UNKNOWN)
            return refuse_unnamed(head, role);
    return guess(head, column);
}

static enum cps_status set_roles(const struct head *head, const size_t column[CPS_COLUMN_ROLES],
                                 struct cps_columns *out)
{
    memset(out->role, CPS_COLUMN_OTHER, sizeof out->role);
    out->used = 0;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        if (column[role] >= head->count)
            return cps_source_fail(head->source, head->line, "%zu columns, but %s is wanted from column %zu",
                                   head->count, cps_column_role_name((enum cps_column_role)role),
                                   column[role] + 1);
        if (out->role[column[role]] != CPS_COLUMN_OTHER)
            return cps_fail(CPS_ERR_USAGE, "column %zu of '%s' cannot be both %s and %s", column[role] + 1,
                            head->source->path,
                            cps_column_role_name((enum cps_column_role)out->role[column[role]]),
                            cps_column_role_name((enum cps_column_role)role));
        out->role[column[role]] = (uint8_t)role;
        if (column[role] >= out->used)
            out->used = column[role] + 1;
    }
    return CPS_OK;
}

/* Describes the columns used, for the banner. */
static void describe(const struct head *head, const size_t column[CPS_COLUMN_ROLES], struct cps_columns *out)
{
    static const char *const names[] = {"user", "item", "rating"};
    size_t used = 0;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        char excerpt[CPS_EXCERPT_BYTES] = "";
        size_t place = column[role] - head->shift;
        bool named = head->header && column[role] >= head->shift && place < head->fields;
        if (named)
            cps_excerpt(head->field[place].text, head->field[place].length, excerpt);
        used += (size_t)snprintf(out->text + used, sizeof out->text - used, "%s%s = column %zu%s%s%s",
                                 role ? ", " : "", names[role], column[role] + 1, named ? " '" : "", excerpt,
                                 named ? "'" : "");
    }
}

enum cps_status cps_columns_detect(const struct cps_source *source, const struct cps_column_request *request,
                                   struct cps_columns *out)
{
    struct head head;
    size_t column[CPS_COLUMN_ROLES];
    CPS_TRY(read_head(source, request, &head));
    CPS_TRY(find_columns(&head, request, column));
    CPS_TRY(set_roles(&head, column, out));
    describe(&head, column, out);
    out->delimiter = head.delimiter;
    out->data = head.data;
    return CPS_OK;
}
