/* Cutting lines into fields; see fields.h. This is the careful way, used for titles,
 * headers and every line that the fast path of ratings.c does not take. */
#include "common/data/fields.h"

#include <string.h>
#include <strings.h>

const struct cps_delimiter cps_delimiter_comma = {.name = "','", .first = ',', .quotes = true};
const struct cps_delimiter cps_delimiter_double_colon = {.name = "'::'", .first = ':', .second = ':'};
const struct cps_delimiter cps_delimiter_bar = {.name = "'|'", .first = '|'};
static const struct cps_delimiter delimiter_tab = {.name = "tab", .first = '\t', .quotes = true};
static const struct cps_delimiter delimiter_semicolon = {.name = "';'", .first = ';', .quotes = true};
static const struct cps_delimiter delimiter_blanks = {.name = "blanks", .first = ' ', .runs = true};

struct cps_field_cursor cps_fields_of(const struct cps_delimiter *delimiter, const char *line, const char *end)
{
    return (struct cps_field_cursor){.delimiter = delimiter, .at = line, .end = end};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* The next delimiter in [at, end), or end. */
static const char *find_delimiter(const struct cps_delimiter *delimiter, const char *at, const char *end)
{
    if (delimiter->runs) {
        while (at < end && !is_blank(*at))
            at++;
        return at;
    }
    for (;;) {
        const char *found = memchr(at, delimiter->first, (size_t)(end - at));
        if (!found)
            return end;
        if (!delimiter->second || (found + 1 < end && found[1] == delimiter->second))
            return found;
        at = found + 1;
    }
}

/* Steps over the delimiter at 'at'; at the end of the line there is nothing more. */
static void step_over(struct cps_field_cursor *self, const char *at)
{
    self->at = at == self->end ? NULL : at + (self->delimiter->second ? 2 : 1);
}

static enum cps_field_result cut_quoted(struct cps_field_cursor *self, const char *open, struct cps_field *out)
{
    *out = (struct cps_field){.text = open + 1, .quoted = true};
    const char *at = open + 1;
    for (;;) {
        at = memchr(at, '"', (size_t)(self->end - at));
        if (!at)
            return CPS_FIELD_UNCLOSED;
        if (at + 1 == self->end || at[1] != '"')
            break;
        out->doubled = true;
        at += 2;
    }
    out->length = (size_t)(at - out->text);
    const char *delimiter = find_delimiter(self->delimiter, at + 1, self->end);
    for (const char *p = at + 1; p < delimiter; p++)
        if (!is_blank(*p))
            return CPS_FIELD_TRAILING;
    step_over(self, delimiter);
    return CPS_FIELD_CUT;
}

enum cps_field_result cps_field_next(struct cps_field_cursor *self, struct cps_field *out)
{
    if (!self->at)
        return CPS_FIELD_NONE;
    if (self->delimiter->runs) {
        self->at = skip_blanks(self->at, self->end);
        if (self->at == self->end)
            return CPS_FIELD_NONE;
    }
    if (self->delimiter->quotes) {
        const char *start = self->at;
        while (start < self->end && *start == ' ')
            start++;
        if (start < self->end && *start == '"')
            return cut_quoted(self, start, out);
    }
    const char *delimiter = find_delimiter(self->delimiter, self->at, self->end);
    *out = (struct cps_field){.text = self->at, .length = (size_t)(delimiter - self->at)};
    step_over(self, delimiter);
    return CPS_FIELD_CUT;
}

enum cps_status cps_field_fail(enum cps_field_result result, const struct cps_source *source, const char *line,
                               const char *what)
{
    switch (result) {
    case CPS_FIELD_UNCLOSED:
        return cps_source_fail(source, line, "a quote is not closed on its line");
    case CPS_FIELD_TRAILING:
        return cps_source_fail(source, line, "text after a closing quote");
    default:
        return cps_source_fail(source, line, "the line ends before %s", what);
    }
}

size_t cps_fields_count(const struct cps_delimiter *delimiter, const char *line, const char *end)
{
    struct cps_field_cursor cursor = cps_fields_of(delimiter, line, end);
    struct cps_field field;
    size_t count = 0;
    while (cps_field_next(&cursor, &field) == CPS_FIELD_CUT)
        count++;
    return count;
}

const struct cps_delimiter *cps_delimiter_detect(const char *line, const char *end, size_t min_fields)
{
    static const struct cps_delimiter *const candidates[] = {
        &delimiter_tab,       &cps_delimiter_double_colon, &cps_delimiter_comma,
        &delimiter_semicolon, &delimiter_blanks,
    };
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        if (cps_fields_count(candidates[i], line, end) >= min_fields)
            return candidates[i];
    return NULL;
}

void cps_field_trim(struct cps_field *self)
{
    if (self->quoted)
        return;
    const char *end = self->text + self->length;
    self->text = skip_blanks(self->text, end);
    while (end > self->text && is_blank(end[-1]))
        end--;
    self->length = (size_t)(end - self->text);
}

enum cps_status cps_field_undouble(struct cps_field *self, struct cps_text *scratch)
{
    if (!self->doubled)
        return CPS_OK;
    cps_text_clear(scratch);
    for (size_t i = 0; i < self->length; i++) {
        CPS_TRY(cps_text_add_bytes(scratch, &self->text[i], 1));
        if (self->text[i] == '"')
            i++;
    }
    *self = (struct cps_field){.text = scratch->data, .length = scratch->length, .quoted = true};
    return CPS_OK;
}

bool cps_field_is(const struct cps_field *self, const char *word)
{
    return strlen(word) == self->length && strncasecmp(self->text, word, self->length) == 0;
}
