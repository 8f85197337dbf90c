/* Cells -> a table, tab-separated values or JSON; see listing.h. */
#include "deploy/cli/listing.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum cps_listing_format cps_listing_format(const struct cps_options *options)
{
    return options->json ? CPS_LISTING_JSON : options->tsv ? CPS_LISTING_TSV : CPS_LISTING_TABLE;
}

void cps_listing_init(struct cps_listing *self, enum cps_listing_format format,
                      const struct cps_column *columns, size_t column_count)
{
    *self = (struct cps_listing){.format = format, .columns = columns, .column_count = column_count};
}

void cps_listing_release(struct cps_listing *self)
{
    cps_text_release(&self->rows);
}

enum cps_status cps_listing_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CPS_OK;
    return cps_fail(CPS_ERR_STORAGE, "cannot write to standard output: %s", strerror(errno));
}

/* ---- cells ---- */

enum cps_status cps_listing_add_json_string(struct cps_text *out, const char *text)
{
    json_t *string = json_string(text);
    char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    if (!quoted)
        return cps_fail_memory("a JSON string", strlen(text));
    enum cps_status status = cps_text_add(out, "%s", quoted);
    free(quoted);
    return status;
}

/* A tab or newline would end the cell, and is escaped as in users.tsv and movies.tsv. */
static enum cps_status add_tsv_text(struct cps_text *out, const char *text)
{
    for (; *text; text++) {
        const char *escape = *text == '\t'   ? "\\t"
                             : *text == '\n' ? "\\n"
                             : *text == '\r' ? "\\r"
                             : *text == '\\' ? "\\\\"
                                             : NULL;
        CPS_TRY(escape ? cps_text_add_bytes(out, escape, 2) : cps_text_add_bytes(out, text, 1));
    }
    return CPS_OK;
}

static enum cps_status add_real(struct cps_text *out, enum cps_listing_format format,
                                const struct cps_column *column, double real)
{
    if (!isfinite(real))
        return cps_text_add(out, "%s", format == CPS_LISTING_JSON ? "null" : "");
    if (format == CPS_LISTING_TABLE)
        return cps_text_add(out, "%.*f", column->decimals, real);
    return cps_text_add(out, "%.9g", real);
}

static enum cps_status add_cell(struct cps_text *out, enum cps_listing_format format,
                                const struct cps_column *column, const struct cps_cell *cell)
{
    switch (column->type) {
    case CPS_COLUMN_COUNT:
        return cps_text_add(out, "%llu", (unsigned long long)cell->count);
    case CPS_COLUMN_REAL:
        return add_real(out, format, column, cell->real);
    case CPS_COLUMN_TEXT:
        break;
    }
    if (format == CPS_LISTING_JSON)
        return cps_listing_add_json_string(out, cell->text);
    return format == CPS_LISTING_TSV ? add_tsv_text(out, cell->text) : cps_text_add(out, "%s", cell->text);
}

/* Characters of UTF-8 text: bytes that do not continue one. */
static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* ---- rows ---- */

static enum cps_status add_table_row(struct cps_listing *self, const struct cps_cell *cells)
{
    for (size_t c = 0; c < self->column_count; c++) {
        size_t start = self->rows.length;
        CPS_TRY(add_cell(&self->rows, self->format, &self->columns[c], &cells[c]));
        CPS_TRY(cps_text_add_bytes(&self->rows, "", 1));
        size_t width = characters(self->rows.data + start);
        if (width > self->width[c])
            self->width[c] = width;
    }
    return CPS_OK;
}

/* Each object begins with the comma that separates it from the previous one. */
static enum cps_status add_json_row(struct cps_listing *self, const struct cps_cell *cells)
{
    CPS_TRY(cps_text_add(&self->rows, ",\n  {"));
    for (size_t c = 0; c < self->column_count; c++) {
        CPS_TRY(cps_text_add(&self->rows, "%s\"%s\": ", c ? ", " : "", self->columns[c].name));
        CPS_TRY(add_cell(&self->rows, self->format, &self->columns[c], &cells[c]));
    }
    return cps_text_add(&self->rows, "}");
}

static enum cps_status add_tsv_row(struct cps_listing *self, const struct cps_cell *cells)
{
    for (size_t c = 0; c < self->column_count; c++) {
        CPS_TRY(add_cell(&self->rows, self->format, &self->columns[c], &cells[c]));
        CPS_TRY(cps_text_add_bytes(&self->rows, c + 1 < self->column_count ? "\t" : "\n", 1));
    }
    return CPS_OK;
}

enum cps_status cps_listing_add(struct cps_listing *self, const struct cps_cell *cells)
{
    self->row_count++;
    switch (self->format) {
    case CPS_LISTING_JSON:
        return add_json_row(self, cells);
    case CPS_LISTING_TSV:
        return add_tsv_row(self, cells);
    case CPS_LISTING_TABLE:
        break;
    }
    return add_table_row(self, cells);
}

/* ---- printing ---- */

/* The last column is not padded. */
static void print_table_cell(const struct cps_listing *self, size_t column, const char *text)
{
    int padding = (int)(self->width[column] - characters(text));
    bool last = column + 1 == self->column_count;
    if (self->columns[column].type == CPS_COLUMN_TEXT)
        printf("%s%*s", text, last ? 0 : padding + 2, "");
    else
        printf("%*s%s%s", padding, "", text, last ? "" : "  ");
}

static void print_table(struct cps_listing *self)
{
    for (size_t c = 0; c < self->column_count; c++) {
        size_t width = strlen(self->columns[c].name);
        if (width > self->width[c])
            self->width[c] = width;
    }
    for (size_t c = 0; c < self->column_count; c++)
        print_table_cell(self, c, self->columns[c].name);
    putchar('\n');
    const char *cell = self->rows.data;
    for (size_t row = 0; row < self->row_count; row++) {
        for (size_t c = 0; c < self->column_count; c++, cell += strlen(cell) + 1)
            print_table_cell(self, c, cell);
        putchar('\n');
    }
}

enum cps_status cps_listing_print_header(const struct cps_listing *self)
{
    if (self->format != CPS_LISTING_TSV)
        return CPS_OK;
    for (size_t c = 0; c < self->column_count; c++)
        printf("%s%c", self->columns[c].name, c + 1 < self->column_count ? '\t' : '\n');
    return cps_listing_flush();
}

enum cps_status cps_listing_print_rows(const struct cps_listing *part, bool *any)
{
    const char *rows = part->rows.data;
    size_t length = part->rows.length;
    if (length == 0)
        return CPS_OK;
    if (part->format == CPS_LISTING_JSON && !*any) {
        putchar('[');
        rows++; /* no comma before the first */
        length--;
    }
    *any = true;
    fwrite(rows, 1, length, stdout);
    return cps_listing_flush();
}

enum cps_status cps_listing_print_end(enum cps_listing_format format, bool any)
{
    if (format == CPS_LISTING_JSON)
        fputs(any ? "\n]\n" : "[]\n", stdout);
    return cps_listing_flush();
}

enum cps_status cps_listing_print(struct cps_listing *self)
{
    bool any = false;
    enum cps_status status = CPS_OK;
    if (self->format == CPS_LISTING_TABLE) {
        print_table(self);
        status = cps_listing_flush();
    } else {
        status = cps_listing_print_header(self);
        if (status == CPS_OK)
            status = cps_listing_print_rows(self, &any);
        if (status == CPS_OK)
            status = cps_listing_print_end(self->format, any);
    }
    cps_listing_release(self);
    return status;
}
