/* Views of input files; see source.h. The readers of ratings and titles build on it. */
#include "common/text/source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text/utf8.h"

const char *cps_source_begin(const struct cps_source *self)
{
    static const char mark[3] = "\xEF\xBB\xBF";
    if (self->size >= sizeof mark && memcmp(self->data, mark, sizeof mark) == 0)
        return self->data + sizeof mark;
    return self->data;
}

const char *cps_source_line_end(const struct cps_source *self, const char *at)
{
    const char *end = self->data + self->size;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline : end;
}

const char *cps_skip_blank_lines(const struct cps_source *self, const char *at)
{
    const char *end = self->data + self->size;
    const char *line = at;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        if (*at++ == '\n')
            line = at;
    return at == end ? end : line;
}

const char *cps_source_text_end(const char *line, const char *line_end)
{
    return line_end > line && line_end[-1] == '\r' ? line_end - 1 : line_end;
}

uint64_t cps_source_line(const struct cps_source *self, const char *at)
{
    uint64_t line = 1;
    for (const char *p = self->data; p < at; line++) {
        p = memchr(p, '\n', (size_t)(at - p));
        if (!p)
            break;
        p++;
    }
    return line;
}

enum cps_status cps_source_fail(const struct cps_source *self, const char *at, const char *format, ...)
{
    char sentence[CPS_ERROR_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return cps_fail(CPS_ERR_DATA, "%s:%" PRIu64 ": %s", self->path, cps_source_line(self, at), sentence);
}

enum cps_status cps_source_check_not_empty(const struct cps_source *self)
{
    return self->size > 0 ? CPS_OK : cps_fail(CPS_ERR_DATA, "'%s' is empty", self->path);
}

enum cps_status cps_source_check_text(const struct cps_source *self, const char *begin, const char *end)
{
    const char *nul = begin < end ? memchr(begin, '\0', (size_t)(end - begin)) : NULL;
    if (!nul)
        return CPS_OK;
    cps_source_fail(self, nul, "a NUL byte, so this is not a text file");
    return cps_hint(CPS_ERR_DATA, "ratings are read as UTF-8 text; unpack or convert the file first");
}

const char *cps_excerpt(const char *text, size_t length, char out[CPS_EXCERPT_BYTES])
{
    enum { MAX = 48 };
    size_t used = 0;
    bool cut = false;
    while (length > 0) {
        size_t width = cps_utf8_width(text, length);
        size_t taken = width ? width : 1;
        if (used + taken > MAX) {
            cut = true;
            break;
        }
        bool printable = width > 1 || (width == 1 && *text >= ' ' && *text != 0x7F);
        if (printable)
            memcpy(out + used, text, width);
        else
            out[used] = '?';
        used += printable ? width : 1;
        text += taken;
        length -= taken;
    }
    memcpy(out + used, cut ? "…" : "", cut ? sizeof "…" : 1);
    return out;
}
