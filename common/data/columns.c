/* Finding the columns of a ratings file; see columns.h. Runs once a file, before
 * ratings.c reads its rows. */
#include "common/data/columns.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "common/data/decimal.h"

#define UNKNOWN SIZE_MAX

/* The first line's fields. */
struct first_line {
    const struct cps_source *source;
    const char *line, *end;
    struct cps_field field[CPS_COLUMNS_MAX];
    size_t count;
    bool header;
};

const char *cps_column_role_name(enum cps_column_role role)
{
    static const char *const names[] = {"a user", "an item", "a rating", "another column"};
    return names[role];
}

static const char *option_name(size_t role)
{
    static const char *const names[] = {"--user-column", "--item-column", "--rating-column"};
    return names[role];
}

const char *cps_skip_blank_lines(const struct cps_source *source, const char *at)
{
    const char *end = source->data + source->size;
    const char *line = at;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        if (*at++ == '\n')
            line = at;
    return at == end ? end : line;
}

static bool is_number(const struct cps_field *field)
{
    float value;
    return cps_decimal_parse(field->text, field->length, &value) != CPS_DECIMAL_NOT_A_NUMBER;
}

/* The column that has this name in the header, or UNKNOWN. */
static size_t find_name(const struct first_line *first, const char *name)
{
    for (size_t i = 0; i < first->count; i++)
        if (cps_field_is(&first->field[i], name))
            return i;
    return UNKNOWN;
}

static bool is_header(const struct first_line *first, const struct cps_column_request *request)
{
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++)
        if (request->name[role] &&
            !is_number(
                &(struct cps_field){.text = request->name[role], .length = strlen(request->name[role])}) &&
            find_name(first, request->name[role]) != UNKNOWN)
            return true;
    for (size_t i = 0; i < first->count; i++)
        if (is_number(&first->field[i]))
            return false;
    return true;
}

/* Names that ratings files of the world give to the role, the surest first. */
static size_t find_known_name(const struct first_line *first, size_t role)
{
    static const char *const names[CPS_COLUMN_ROLES][16] = {
        {"userId", "user_id", "user", "user id", "uid", "username", "reviewerID", "customer_id", "u"},
        {"movieId", "movie_id", "itemId", "item_id", "item", "movie", "item id", "movie id", "iid", "mid",
         "asin", "product_id", "book_id", "title", "i"},
        {"rating", "ratings", "score", "stars", "overall", "rate", "value", "r"},
    };
    for (size_t i = 0; i < 16 && names[role][i]; i++) {
        size_t column = find_name(first, names[role][i]);
        if (column != UNKNOWN)
            return column;
    }
    return UNKNOWN;
}

/* A column that the caller named. */
static enum cps_status find_wanted(const struct first_line *first, const char *name, size_t role,
                                   size_t *column)
{
    *column = first->header ? find_name(first, name) : UNKNOWN;
    if (*column != UNKNOWN)
        return CPS_OK;
    uint64_t position;
    if (cps_text_to_u64(name, &position)) {
        if (position == 0 || position > CPS_COLUMNS_MAX)
            return cps_fail(CPS_ERR_USAGE, "%s '%s' is not a position between 1 and %d", option_name(role),
                            name, CPS_COLUMNS_MAX);
        *column = (size_t)position - 1;
        return CPS_OK;
    }
    char excerpt[CPS_EXCERPT_BYTES];
    cps_source_fail(first->source, first->line,
                    first->header ? "no column is named '%s'" : "no header to find '%s' in", name);
    if (!first->header)
        return cps_hint(CPS_ERR_DATA, "give the column's position, counted from 1");
    return cps_hint(CPS_ERR_DATA, "the header is '%s'",
                    cps_excerpt(first->line, (size_t)(first->end - first->line), excerpt));
}

/* Roles still unknown take the columns that are free, from the left. */
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

static enum cps_status find_columns(const struct first_line *first, const struct cps_column_request *request,
                                    size_t column[CPS_COLUMN_ROLES])
{
    bool recognised = false;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        column[role] = UNKNOWN;
        if (request->name[role]) {
            CPS_TRY(find_wanted(first, request->name[role], role, &column[role]));
        } else if (first->header) {
            column[role] = find_known_name(first, role);
            recognised = recognised || column[role] != UNKNOWN;
        }
    }
    for (size_t role = 0; role < CPS_COLUMN_ROLES && recognised; role++)
        if (column[role] == UNKNOWN) {
            cps_source_fail(first->source, first->line, "no column of the header looks like %s",
                            cps_column_role_name((enum cps_column_role)role));
            return cps_hint(CPS_ERR_DATA, "name it with %s", option_name(role));
        }
    take_free_columns(column);
    return CPS_OK;
}

static enum cps_status set_roles(const struct first_line *first, const size_t column[CPS_COLUMN_ROLES],
                                 struct cps_columns *out)
{
    memset(out->role, CPS_COLUMN_OTHER, sizeof out->role);
    out->used = 0;
    for (size_t role = 0; role < CPS_COLUMN_ROLES; role++) {
        if (column[role] >= first->count)
            return cps_source_fail(first->source, first->line, "%zu columns, but %s is wanted from column %zu",
                                   first->count, cps_column_role_name((enum cps_column_role)role),
                                   column[role] + 1);
        if (out->role[column[role]] != CPS_COLUMN_OTHER)
            return cps_fail(CPS_ERR_USAGE, "column %zu of '%s' cannot be both %s and %s", column[role] + 1,
                            first->source->path,
                            cps_column_role_name((enum cps_column_role)out->role[column[role]]),
                            cps_column_role_name((enum cps_column_role)role));
        out->role[column[role]] = (uint8_t)role;
        if (column[role] >= out->used)
            out->used = column[role] + 1;
    }
    return CPS_OK;
}

static enum cps_status cut_first_line(const struct cps_source *source, const struct cps_delimiter *delimiter,
                                      struct first_line *first)
{
    struct cps_field_cursor cursor = cps_fields_of(delimiter, first->line, first->end);
    enum cps_field_result result = CPS_FIELD_CUT;
    while (first->count < CPS_COLUMNS_MAX) {
        struct cps_field *field = &first->field[first->count];
        result = cps_field_next(&cursor, field);
        if (result != CPS_FIELD_CUT)
            break;
        cps_field_trim(field);
        first->count++;
    }
    if (result == CPS_FIELD_UNCLOSED || result == CPS_FIELD_TRAILING)
        return cps_field_fail(result, source, first->line, "");
    return CPS_OK;
}

static enum cps_status refuse_few_columns(const struct first_line *first)
{
    char excerpt[CPS_EXCERPT_BYTES];
    cps_source_fail(first->source, first->line, "no user, item and rating in '%s'",
                    cps_excerpt(first->line, (size_t)(first->end - first->line), excerpt));
    return cps_hint(CPS_ERR_DATA, "three columns are needed, separated by a tab, '::', ',', ';' or blanks");
}

enum cps_status cps_columns_detect(const struct cps_source *source, const struct cps_column_request *request,
                                   struct cps_columns *out)
{
    struct first_line first = {.source = source};
    first.line = cps_skip_blank_lines(source, cps_source_begin(source));
    if (first.line == source->data + source->size)
        return cps_fail(CPS_ERR_DATA, "'%s' holds nothing but blank lines", source->path);
    const char *line_end = cps_source_line_end(source, first.line);
    first.end = cps_source_text_end(first.line, line_end);
    out->delimiter = cps_delimiter_detect(first.line, first.end, CPS_COLUMN_ROLES);
    if (!out->delimiter)
        return refuse_few_columns(&first);
    CPS_TRY(cut_first_line(source, out->delimiter, &first));
    first.header = is_header(&first, request);
    size_t column[CPS_COLUMN_ROLES];
    CPS_TRY(find_columns(&first, request, column));
    CPS_TRY(set_roles(&first, column, out));
    const char *end = source->data + source->size;
    out->data = !first.header ? first.line : line_end < end ? line_end + 1 : end;
    return CPS_OK;
}
