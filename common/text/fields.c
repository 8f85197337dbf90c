/* Splitting lines into fields; see fields.h. This is the general parser, used for titles,
 * headers and every line that the fast path of ratings.c cannot parse. */
#include "common/text/fields.h"

#include <string.h>
#include <strings.h>

const struct cps_delimiter cps_delimiter_comma = {.name = "','", .first = ',', .quotes = true};
const struct cps_delimiter cps_delimiter_double_colon = {.name = "'::'", .first = ':', .second = ':'};
const struct cps_delimiter cps_delimiter_bar = {.name = "'|'", .first = '|'};
static const struct cps_delimiter delimiter_tab = {.name = "tab", .first = '\t', .quotes = true};
static const struct cps_delimiter delimiter_semicolon = {.name = "';'", .first = ';', .quotes = true};
static const struct cps_delimiter delimiter_blanks = {
    .name = "blanks", .first = ' ', .quotes = true, .runs = true};

/* In the order of preference. */
static const struct cps_delimiter *const candidates[] = {
    &delimiter_tab,       &cps_delimiter_double_colon, &cps_delimiter_comma,
    &delimiter_semicolon, &cps_delimiter_bar,          &delimiter_blanks,
};
/* Lines with quotes that are tried as the end of a record. */
#define RECORD_MAX_LINES 256
#define CANDIDATES (sizeof candidates / sizeof candidates[0])

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

/* Moves the cursor past the delimiter at 'at', or to its end if 'at' is the end of the line. */
static void step_over(struct cps_field_cursor *self, const char *at)
{
    self->at = at == self->end ? NULL : at + (self->delimiter->second ? 2 : 1);
}

/* The closing quote of a field whose text starts at 'at', or NULL; "" is a quote. */
static const char *close_doubled(const char *at, const char *end, struct cps_field *out)
{
    for (;;) {
        at = memchr(at, '"', (size_t)(end - at));
        if (!at || at + 1 == end || at[1] != '"')
            return at;
        out->doubled = true;
        at += 2;
    }
}

/* The closing quote if inner quotes are escaped by a backslash, or NULL. */
static const char *close_escaped(const char *at, const char *end, struct cps_field *out)
{
    for (; at < end; at++) {
        if (*at == '"')
            return at;
        if (*at == '\\' && at + 1 < end) {
            out->escaped = true;
            at++;
        }
    }
    return NULL;
}

/* Ends *out at the closing quote 'close', which only blanks may separate from a delimiter. */
static enum cps_field_result close_field(struct cps_field_cursor *self, const char *close,
                                         struct cps_field *out)
{
    if (!close)
        return CPS_FIELD_UNCLOSED;
    out->length = (size_t)(close - out->text);
    const char *delimiter = find_delimiter(self->delimiter, close + 1, self->end);
    for (const char *p = close + 1; p < delimiter; p++)
        if (!is_blank(*p))
            return CPS_FIELD_TRAILING;
    step_over(self, delimiter);
    return CPS_FIELD_CUT;
}

static enum cps_field_result cut_quoted(struct cps_field_cursor *self, const char *open, struct cps_field *out)
{
    *out = (struct cps_field){.text = open + 1, .quoted = true};
    enum cps_field_result result = close_field(self, close_doubled(open + 1, self->end, out), out);
    if (result == CPS_FIELD_CUT)
        return result;
    struct cps_field escaped = {.text = open + 1, .quoted = true};
    const char *close = close_escaped(open + 1, self->end, &escaped);
    if (!escaped.escaped || close_field(self, close, &escaped) != CPS_FIELD_CUT)
        return result;
    *out = escaped;
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

/* Whether the record that ends at 'end' is well-formed, open, or malformed. */
static enum cps_field_result cut_all(const struct cps_delimiter *delimiter, const char *line, const char *end)
{
    struct cps_field_cursor cursor = cps_fields_of(delimiter, line, end);
    struct cps_field field;
    enum cps_field_result result;
    while ((result = cps_field_next(&cursor, &field)) == CPS_FIELD_CUT)
        ;
    return result;
}

const char *cps_record_end(const struct cps_delimiter *delimiter, const struct cps_source *source,
                           const char *line, const char *line_end)
{
    const char *end = source->data + source->size;
    const char *limit = (size_t)(end - line) > CPS_RECORD_MAX_BYTES ? line + CPS_RECORD_MAX_BYTES : end;
    if (!delimiter->quotes)
        return line_end;
    const char *last = line_end;
    enum cps_field_result result = cut_all(delimiter, line, cps_source_text_end(line, last));
    for (int lines = 0; result == CPS_FIELD_UNCLOSED && last < limit && lines < RECORD_MAX_LINES; lines++) {
        /* Only a line that has a quote can close the field. */
        const char *quote = memchr(last + 1, '"', (size_t)(limit - last - 1));
        if (!quote)
            return line_end;
        last = cps_source_line_end(source, quote);
        result = cut_all(delimiter, line, cps_source_text_end(line, last));
    }
    return result == CPS_FIELD_NONE ? last : line_end;
}

/* The result of splitting the first lines by a delimiter. */
struct cuts {
    size_t first, least, most; /* fields: of the first line, over all of them */
};

static struct cuts try_delimiter(const struct cps_delimiter *delimiter, const struct cps_source *source,
                                 const char *line)
{
    enum { LINES = 20 };
    struct cuts cuts = {.least = SIZE_MAX};
    const char *end = source->data + source->size;
    for (int i = 0; i < LINES && line < end; i++) {
        const char *line_end = cps_source_line_end(source, line);
        line_end = cps_record_end(delimiter, source, line, line_end);
        size_t count = cps_fields_count(delimiter, line, cps_source_text_end(line, line_end));
        if (i == 0)
            cuts.first = count;
        if (count > cuts.most)
            cuts.most = count;
        if (count < cuts.least)
            cuts.least = count;
        line = line_end < end ? cps_skip_blank_lines(source, line_end + 1) : end;
    }
    return cuts;
}

const struct cps_delimiter *cps_delimiter_detect(const struct cps_source *source, const char *line,
                                                 size_t min_fields)
{
    struct cuts cuts[CANDIDATES];
    for (size_t i = 0; i < CANDIDATES; i++) {
        cuts[i] = try_delimiter(candidates[i], source, line);
        if (cuts[i].least >= min_fields && cuts[i].least == cuts[i].most)
            return candidates[i];
    }
    for (size_t i = 0; i < CANDIDATES; i++)
        if (cuts[i].least >= min_fields)
            return candidates[i];
    for (size_t i = 0; i < CANDIDATES; i++)
        if (cuts[i].first >= min_fields)
            return candidates[i];
    return NULL;
}

const struct cps_delimiter *cps_delimiter_of(char byte)
{
    for (size_t i = 0; i < CANDIDATES; i++)
        if (candidates[i]->first == byte && !candidates[i]->second)
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

enum cps_status cps_field_unquote(struct cps_field *self, struct cps_text *scratch)
{
    if (!self->doubled && !self->escaped)
        return CPS_OK;
    const char mark = self->escaped ? '\\' : '"';
    cps_text_clear(scratch);
    for (size_t i = 0; i < self->length; i++) {
        bool marked = self->text[i] == mark && i + 1 < self->length;
        if (marked && (self->text[i + 1] == '"' || self->text[i + 1] == mark))
            i++;
        CPS_TRY(cps_text_add_bytes(scratch, &self->text[i], 1));
    }
    *self = (struct cps_field){.text = scratch->data, .length = scratch->length, .quoted = true};
    return CPS_OK;
}

bool cps_field_is(const struct cps_field *self, const char *word)
{
    return strlen(word) == self->length && strncasecmp(self->text, word, self->length) == 0;
}
