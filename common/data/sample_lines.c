/*
 * Samples lines of a file; see sample_lines.h. Used to check guessed columns.
 *
 *     |----|      |----|      |----|       stretches of neighbouring lines, evenly spaced
 */
#include "common/data/sample_lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/ids.h"
#include "common/text/decimal.h"

#define STRETCHES 32
#define STRETCH_LINES 64

void cps_sample_lines_release(struct cps_sample_lines *self)
{
    free(self->cells);
    free(self->continues);
    *self = (struct cps_sample_lines){0};
}

/* Fills the next row from the line, unless the line has another number of fields. */
static bool take_line(struct cps_sample_lines *self, const struct cps_delimiter *delimiter, const char *line,
                      const char *end, size_t count)
{
    struct cps_field_cursor cursor = cps_fields_of(delimiter, line, end);
    struct cps_cell *row = &self->cells[self->rows * self->columns];
    struct cps_field field;
    size_t column = 0;
    for (; cps_field_next(&cursor, &field) == CPS_FIELD_CUT; column++) {
        if (column >= self->columns)
            continue;
        cps_field_trim(&field);
        row[column].hash = cps_id_hash(field.text, field.length);
        row[column].is_number =
            cps_decimal_parse(field.text, field.length, &row[column].value) == CPS_DECIMAL_OK;
    }
    return column == count;
}

/* Samples up to STRETCH_LINES lines from 'line' on; returns the position after them. */
static const char *take_stretch(struct cps_sample_lines *self, const struct cps_source *source,
                                const struct cps_delimiter *delimiter, const char *line, size_t count)
{
    const char *end = source->data + source->size;
    bool continues = false;
    for (int i = 0; i < STRETCH_LINES && line < end; i++) {
        line = cps_skip_blank_lines(source, line);
        if (line == end)
            break;
        const char *line_end = cps_record_end(delimiter, source, line, cps_source_line_end(source, line));
        if (take_line(self, delimiter, line, cps_source_text_end(line, line_end), count)) {
            self->continues[self->rows++] = continues;
            continues = true;
        }
        line = line_end < end ? line_end + 1 : end;
    }
    return line;
}

enum cps_status cps_sample_lines_take(struct cps_sample_lines *self, const struct cps_source *source,
                                      const struct cps_delimiter *delimiter, const char *data, size_t count,
                                      size_t max_columns)
{
    const size_t rows = STRETCHES * STRETCH_LINES;
    *self = (struct cps_sample_lines){.columns = count < max_columns ? count : max_columns};
    CPS_TRY(cps_alloc("sampled lines", rows * self->columns, sizeof *self->cells, &self->cells));
    CPS_TRY(cps_alloc("sampled lines", rows, sizeof *self->continues, &self->continues));
    const char *end = source->data + source->size, *next = data;
    size_t bytes = (size_t)(end - data);
    for (size_t s = 0; s < STRETCHES && next < end; s++) {
        const char *start = data + bytes / STRETCHES * s;
        if (start > next) {
            start = cps_source_line_end(source, start);
            next = start < end ? start + 1 : end;
        }
        next = take_stretch(self, source, delimiter, next, count);
    }
    return CPS_OK;
}
