/* A tsv file of a run's folder -> names by row; see row_names.h. */
#include "common/store/row_names.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"

struct reader {
    const char *path;
    const char *next, *end; /* of the file */
    char *out;              /* where the next name goes */
    bool titled;
    uint32_t line; /* 1-based, of next */
};

void cps_row_names_release(struct cps_row_names *self)
{
    free(self->text);
    free(self->id);
    free(self->title);
    *self = (struct cps_row_names){0};
}

static enum cps_status refuse(const struct reader *self, const char *why)
{
    cps_fail(CPS_ERR_DATA, "'%s:%u': %s", self->path, self->line, why);
    return cps_hint(CPS_ERR_DATA, "the file comes with its model; both must be of the same run");
}

static char unescaped(char c)
{
    return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* Copies a field that ends with `stop`, unescaped and NUL-terminated, and skips the stop. */
static enum cps_status take_field(struct reader *self, char stop, const char **out)
{
    *out = self->out;
    while (self->next < self->end && *self->next != '\t' && *self->next != '\n') {
        char c = *self->next++;
        if (c == '\\' && self->next < self->end)
            c = unescaped(*self->next++);
        if (c == '\0')
            return refuse(self, "a NUL byte");
        *self->out++ = c;
    }
    if (self->next == self->end || *self->next != stop)
        return refuse(self, stop == '\n' ? "no end of the line where one should be" : "a column is missing");
    self->next++;
    *self->out++ = '\0';
    return CPS_OK;
}

static enum cps_status take_header(struct reader *self)
{
    static const char users[] = "row\tuser\n", movies[] = "row\tmovie\ttitle\n";
    const char *header = self->titled ? movies : users;
    size_t length = strlen(header);
    if ((size_t)(self->end - self->next) < length || memcmp(self->next, header, length) != 0)
        return refuse(self,
                      self->titled ? "the header is not 'row, movie, title'" : "the header is not 'row, user'");
    self->next += length;
    self->line++;
    return CPS_OK;
}

static enum cps_status take_row(struct reader *self, struct cps_row_names *names)
{
    const char *number;
    uint64_t row;
    CPS_TRY(take_field(self, '\t', &number));
    if (!cps_text_to_u64(number, &row) || row != names->rows)
        return refuse(self, "the rows are not numbered 0, 1, 2, …");
    CPS_TRY(take_field(self, self->titled ? '\t' : '\n', &names->id[row]));
    if (self->titled)
        CPS_TRY(take_field(self, '\n', &names->title[row]));
    names->rows++;
    self->line++;
    return CPS_OK;
}

static uint64_t count_lines(const struct cps_file_map *map)
{
    uint64_t lines = 0;
    for (const char *at = map->data, *end = at + map->size;
         at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines;
}

static enum cps_status take_all(const struct cps_file_map *map, const char *path, bool titled,
                                struct cps_row_names *out)
{
    uint64_t lines = count_lines(map);
    if (lines > UINT32_MAX)
        return cps_fail(CPS_ERR_DATA, "'%s': more rows than 2^32", path);
    /* Unescaping only shortens names, and each NUL takes the place of a tab or newline. */
    CPS_TRY(cps_alloc("names", map->size + 1, 1, &out->text));
    CPS_TRY(cps_alloc("names", (size_t)lines, sizeof *out->id, &out->id));
    if (titled)
        CPS_TRY(cps_alloc("titles", (size_t)lines, sizeof *out->title, &out->title));
    struct reader reader = {.path = path,
                            .next = map->data,
                            .end = map->data + map->size,
                            .out = out->text,
                            .titled = titled,
                            .line = 1};
    CPS_TRY(take_header(&reader));
    while (reader.next < reader.end)
        CPS_TRY(take_row(&reader, out));
    return CPS_OK;
}

enum cps_status cps_row_names_read(const char *path, bool titled, struct cps_row_names *out)
{
    struct cps_file_map map;
    struct cps_row_names names = {0};
    CPS_TRY(cps_file_map(&map, path, CPS_ERR_DATA));
    enum cps_status status = take_all(&map, path, titled, &names);
    cps_file_unmap(&map);
    if (status != CPS_OK) {
        cps_row_names_release(&names);
        return status;
    }
    *out = names;
    return CPS_OK;
}
