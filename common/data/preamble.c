/* Skips the head of a ratings file; see preamble.h. The first step of columns.c. */
#include "common/data/preamble.h"

#include <string.h>
#include <strings.h>

#include "common/data/header.h"

#define NAMES 16

static const char *next_line(const struct cps_source *source, const char *line)
{
    const char *end = source->data + source->size, *line_end = cps_source_line_end(source, line);
    return line_end < end ? cps_skip_blank_lines(source, line_end + 1) : end;
}

static bool starts_with(const char *line, const char *end, const char *word)
{
    return (size_t)(end - line) >= strlen(word) && strncasecmp(line, word, strlen(word)) == 0;
}

/* The delimiter of a line "sep=;", or NULL. */
static const struct cps_delimiter *declared(const char *line, const char *end)
{
    if (line < end && *line == '"')
        line++;
    if (!starts_with(line, end, "sep=") || line + 4 == end)
        return NULL;
    const char *after = line + 5 + (line + 5 < end && line[5] == '"');
    return after == end ? cps_delimiter_of(line[4]) : NULL;
}

/* Whether the comment names at least two of user, item and rating. */
static bool is_header(const struct cps_source *source, const char *line, const char *end)
{
    struct cps_field names[NAMES];
    size_t count = 0;
    const struct cps_delimiter *delimiter = cps_delimiter_detect(source, line, CPS_COLUMN_ROLES);
    if (!delimiter)
        return false;
    struct cps_field_cursor cursor = cps_fields_of(delimiter, line, end);
    while (count < NAMES && cps_field_next(&cursor, &names[count]) == CPS_FIELD_CUT)
        count++;
    int roles = 0;
    for (int role = 0; role < CPS_COLUMN_ROLES; role++)
        roles += cps_header_find_role(names, count, (enum cps_column_role)role) != CPS_COLUMN_NONE;
    return roles >= 2;
}

static const char *skip_comments(const struct cps_source *source, const char *line)
{
    const char *end = source->data + source->size;
    while (line < end && (*line == '#' || *line == '%') &&
           !is_header(source, line, cps_source_text_end(line, cps_source_line_end(source, line))))
        line = next_line(source, line);
    return line;
}

static enum cps_status check_matrix(const struct cps_source *source, const char *line)
{
    if (starts_with(line, cps_source_line_end(source, line), "%%MatrixMarket matrix coordinate"))
        return CPS_OK;
    cps_source_fail(source, line, "a Matrix Market file not in coordinate form");
    return cps_hint(CPS_ERR_DATA, "write one line per rating: row, column, value");
}

static enum cps_status refuse_other_texts(const struct cps_source *source, const char *line)
{
    if (*line != '{' && *line != '[' && *line != '<')
        return CPS_OK;
    cps_source_fail(source, line, "this is %s, not a table", *line == '<' ? "markup (XML or HTML)" : "JSON");
    return cps_hint(CPS_ERR_DATA, "convert it to lines of user, item and rating");
}

enum cps_status cps_preamble_skip(const struct cps_source *source, struct cps_preamble *out)
{
    const char *end = source->data + source->size;
    *out = (struct cps_preamble){.line = cps_skip_blank_lines(source, cps_source_begin(source))};
    if (out->line == end)
        return cps_fail(CPS_ERR_DATA, "'%s' holds nothing but blank lines", source->path);
    CPS_TRY(refuse_other_texts(source, out->line));
    out->delimiter =
        declared(out->line, cps_source_text_end(out->line, cps_source_line_end(source, out->line)));
    if (out->delimiter)
        out->line = next_line(source, out->line);
    bool matrix = starts_with(out->line, end, "%%MatrixMarket");
    if (matrix)
        CPS_TRY(check_matrix(source, out->line));
    out->line = skip_comments(source, out->line);
    if (matrix && out->line < end)
        out->line = next_line(source, out->line); /* rows, columns and entries */
    if (out->line == end)
        return cps_fail(CPS_ERR_DATA, "'%s' holds nothing but comments", source->path);
    return CPS_OK;
}
