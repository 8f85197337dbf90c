/*
 * The syntax of option files, independent of the option table. parse.c uses it for users' files, record.c
 * for writing and reading the effective options.
 */
#include "common/options/config.h"

#include <string.h>

void cps_config_reader_init(struct cps_config_reader *self, const char *file, const char *data, size_t size)
{
    *self = (struct cps_config_reader){.file = file};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        data += 3;
        size -= 3;
    }
    self->next = data;
    self->end = size ? data + size : data;
}

void cps_config_reader_release(struct cps_config_reader *self)
{
    cps_text_release(&self->name);
    cps_text_release(&self->value);
}

static enum cps_status fail_line(const struct cps_config_reader *self, const char *cause)
{
    return cps_fail(CPS_ERR_USAGE, "%s:%zu: %s", self->file, self->line, cause);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Part of a line; trim() removes blanks at both ends. */
struct span {
    const char *begin, *end;
};

static struct span trim(const char *begin, const char *end)
{
    while (begin < end && is_blank(*begin))
        begin++;
    while (end > begin && is_blank(end[-1]))
        end--;
    return (struct span){begin, end};
}

static enum cps_status keep(struct cps_text *text, struct span span)
{
    cps_text_clear(text);
    return cps_text_add_bytes(text, span.begin, (size_t)(span.end - span.begin));
}

/* A bare value ends at a '#' that follows a blank. */
static struct span cut_comment(struct span span)
{
    for (const char *at = span.begin; at < span.end; at++) {
        if (*at == '#' && (at == span.begin || is_blank(at[-1])))
            return trim(span.begin, at);
    }
    return span;
}

static enum cps_status add_escaped(struct cps_config_reader *self, char escaped)
{
    static const char codes[] = "\"\\nt", meanings[] = "\"\\\n\t";
    const char *code = escaped ? strchr(codes, escaped) : NULL;
    if (!code)
        return fail_line(self, "unknown escape: inside quotes a backslash may only precede \", \\, n or t");
    return cps_text_add_bytes(&self->value, &meanings[code - codes], 1);
}

static enum cps_status read_quoted(struct cps_config_reader *self, struct span span)
{
    cps_text_clear(&self->value);
    const char *at = span.begin + 1;
    for (; at < span.end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < span.end)
            CPS_TRY(add_escaped(self, *++at));
        else
            CPS_TRY(cps_text_add_bytes(&self->value, at, 1));
    }
    if (at == span.end)
        return fail_line(self, "a quote is not closed");
    struct span rest = trim(at + 1, span.end);
    if (rest.begin < rest.end && *rest.begin != '#')
        return fail_line(self, "unexpected text after the closing quote");
    return cps_text_add_bytes(&self->value, "", 0);
}

static enum cps_status read_setting(struct cps_config_reader *self, struct span line)
{
    const char *equals = memchr(line.begin, '=', (size_t)(line.end - line.begin));
    if (!equals) {
        fail_line(self, "expected 'name = value'");
        return cps_hint(CPS_ERR_USAGE, "a comment begins with '#'");
    }
    struct span name = trim(line.begin, equals), value = trim(equals + 1, line.end);
    if (name.begin == name.end)
        return fail_line(self, "no name before '='");
    CPS_TRY(keep(&self->name, name));
    if (value.begin < value.end && *value.begin == '"')
        return read_quoted(self, value);
    value = cut_comment(value);
    if (value.begin == value.end)
        return fail_line(self, "no value after '='");
    return keep(&self->value, value);
}

/* line begins with "#:"; its first word is the note's name, the rest its value. */
static enum cps_status read_note(struct cps_config_reader *self, struct span line)
{
    struct span all = trim(line.begin + 2, line.end);
    const char *space = memchr(all.begin, ' ', (size_t)(all.end - all.begin));
    const char *split = space ? space : all.end;
    CPS_TRY(keep(&self->name, trim(all.begin, split)));
    return keep(&self->value, trim(split, all.end));
}

static struct span take_line(struct cps_config_reader *self)
{
    const char *begin = self->next;
    const char *newline = memchr(begin, '\n', (size_t)(self->end - begin));
    const char *end = newline ? newline : self->end;
    self->next = newline ? newline + 1 : self->end;
    self->line++;
    return trim(begin, end);
}

enum cps_status cps_config_next(struct cps_config_reader *self, enum cps_config_item *out)
{
    while (self->next < self->end) {
        struct span line = take_line(self);
        size_t length = (size_t)(line.end - line.begin);
        if (length == 0)
            continue;
        if (memchr(line.begin, '\0', length))
            return fail_line(self, "a NUL byte; is this a text file?");
        bool note = length >= 2 && memcmp(line.begin, "#:", 2) == 0;
        if (*line.begin == '#' && !note)
            continue;
        *out = note ? CPS_CONFIG_NOTE : CPS_CONFIG_SETTING;
        return note ? read_note(self, line) : read_setting(self, line);
    }
    *out = CPS_CONFIG_END;
    return CPS_OK;
}

static bool needs_quotes(const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || is_blank(value[0]) || is_blank(value[length - 1]))
        return true;
    return strpbrk(value, "\"#\n") != NULL;
}

static enum cps_status add_quoted(struct cps_text *out, const char *value)
{
    CPS_TRY(cps_text_add(out, "\""));
    for (; *value; value++) {
        if (*value == '\n')
            CPS_TRY(cps_text_add(out, "\\n"));
        else if (*value == '"' || *value == '\\')
            CPS_TRY(cps_text_add(out, "\\%c", *value));
        else
            CPS_TRY(cps_text_add_bytes(out, value, 1));
    }
    return cps_text_add(out, "\"");
}

enum cps_status cps_config_write(struct cps_text *out, const char *name, const char *value)
{
    CPS_TRY(cps_text_add(out, "%s = ", name));
    CPS_TRY(needs_quotes(value) ? add_quoted(out, value) : cps_text_add(out, "%s", value));
    return cps_text_add(out, "\n");
}
