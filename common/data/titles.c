/* Reads u.item, movies.dat and movies.csv; see titles.h. Runs before the ratings are
 * read, since items are looked up here. */
#include "common/data/titles.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/data/columns.h"
#include "common/data/idcheck.h"
#include "common/text/utf8.h"

struct reader {
    struct cps_titles *titles;
    const struct cps_source *source;
    bool latin1;
    struct cps_text unquoted, converted;
};

void cps_titles_release(struct cps_titles *self)
{
    cps_ids_release(&self->ids);
    cps_ids_release(&self->names);
    free(self->title_of);
    *self = (struct cps_titles){0};
}

enum cps_status cps_titles_add(struct cps_titles *self, const char *id, size_t id_length, const char *title,
                               size_t title_length, bool *agrees)
{
    uint32_t known = self->ids.count, item, name;
    CPS_TRY(cps_ids_add_string(&self->names, title, title_length, &name));
    CPS_TRY(cps_ids_add(&self->ids, id, id_length, &item));
    if (item == known) {
        CPS_TRY(cps_grow("titles", &self->title_of, &self->capacity, (size_t)item + 1, sizeof *self->title_of));
        self->title_of[item] = name;
    }
    *agrees = self->title_of[item] == name;
    return CPS_OK;
}

uint32_t cps_titles_find(const struct cps_titles *self, const char *id, size_t length)
{
    uint32_t item = cps_ids_find(&self->ids, id, length);
    return item == CPS_IDS_NONE ? CPS_IDS_NONE : self->title_of[item];
}

/* Converts the title to UTF-8 and removes its quotes. */
static enum cps_status decode(struct reader *self, struct cps_field *title)
{
    CPS_TRY(cps_field_unquote(title, &self->unquoted));
    if (!self->latin1)
        return CPS_OK;
    cps_text_clear(&self->converted);
    CPS_TRY(cps_utf8_add_latin1(&self->converted, title->text, title->length));
    title->text = self->converted.data;
    title->length = self->converted.length;
    return CPS_OK;
}

static enum cps_status read_line(struct reader *self, const struct cps_delimiter *delimiter, const char *line,
                                 const char *end, bool first)
{
    struct cps_field_cursor cursor = cps_fields_of(delimiter, line, end);
    struct cps_field id, title;
    enum cps_field_result result = cps_field_next(&cursor, &id);
    if (result == CPS_FIELD_CUT)
        result = cps_field_next(&cursor, &title);
    if (result != CPS_FIELD_CUT)
        return cps_field_fail(result, self->source, line, "a title");
    cps_field_trim(&id);
    if (first && cps_field_is(&title, "title"))
        return CPS_OK;
    CPS_TRY(decode(self, &title));
    CPS_TRY(cps_id_check(self->source, line, "item id", id.text, id.length));
    CPS_TRY(cps_id_check(self->source, line, "title", title.text, title.length));
    bool agrees;
    CPS_TRY(cps_titles_add(self->titles, id.text, id.length, title.text, title.length, &agrees));
    char excerpt[CPS_EXCERPT_BYTES];
    if (!agrees)
        return cps_source_fail(self->source, line, "item '%s' has another title further up",
                               cps_excerpt(id.text, id.length, excerpt));
    return CPS_OK;
}

static enum cps_status read_lines(struct reader *self, const struct cps_delimiter *delimiter)
{
    const char *end = self->source->data + self->source->size;
    const char *line = cps_skip_blank_lines(self->source, cps_source_begin(self->source));
    for (bool first = true; line < end; first = false) {
        const char *line_end = cps_source_line_end(self->source, line);
        CPS_TRY(read_line(self, delimiter, line, cps_source_text_end(line, line_end), first));
        line = line_end == end ? end : cps_skip_blank_lines(self->source, line_end + 1);
    }
    if (self->titles->ids.count == 0)
        return cps_fail(CPS_ERR_DATA, "'%s' holds no titles", self->source->path);
    return CPS_OK;
}

enum cps_status cps_titles_read(struct cps_titles *self, const struct cps_source *source,
                                const struct cps_delimiter *delimiter)
{
    CPS_TRY(cps_source_check_not_empty(source));
    CPS_TRY(cps_source_check_text(source, source->data, source->data + source->size));
    struct reader reader = {
        .titles = self,
        .source = source,
        .latin1 = !cps_utf8_is_valid(source->data, source->size),
    };
    enum cps_status status = read_lines(&reader, delimiter);
    cps_text_release(&reader.unquoted);
    cps_text_release(&reader.converted);
    return status;
}
