/*
 * Prints the rows of a result on standard output: as aligned columns for people, as tab-separated values with a
 * header line, or as one JSON array of objects.
 *
 *     struct cps_listing listing;
 *     static const struct cps_column columns[] = {{"user", CPS_COLUMN_TEXT}, {"score", CPS_COLUMN_REAL}};
 *     cps_listing_init(&listing, format, columns, 2);
 *     CPS_TRY(cps_listing_add(&listing, (struct cps_cell[]){{.text = "196"}, {.real = 3.5}}));
 *     CPS_TRY(cps_listing_print(&listing));
 */
#ifndef CPS_DEPLOY_CLI_LISTING_H
#define CPS_DEPLOY_CLI_LISTING_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/options/options.h"

#define CPS_LISTING_COLUMNS 8 /* the most columns */

enum cps_listing_format { CPS_LISTING_TABLE, CPS_LISTING_TSV, CPS_LISTING_JSON };

/* The format that --json and --tsv select. */
enum cps_listing_format cps_listing_format(const struct cps_options *options);

enum cps_column_type { CPS_COLUMN_TEXT, CPS_COLUMN_COUNT, CPS_COLUMN_REAL };

struct cps_column {
    const char *name;
    enum cps_column_type type;
    int decimals; /* of a real in a table; TSV and JSON have nine digits */
};

/* The value of a cell, in the member that its column's type selects. A real that is NaN is printed as null, and
 * as an empty cell in a table. */
struct cps_cell {
    const char *text;
    uint64_t count;
    double real;
};

struct cps_listing {
    enum cps_listing_format format;
    const struct cps_column *columns; /* borrowed */
    size_t column_count;
    struct cps_text rows;              /* a table: cells, each ending with a NUL; else the text to print */
    size_t width[CPS_LISTING_COLUMNS]; /* of a table's columns, in characters */
    size_t row_count;
};

void cps_listing_init(struct cps_listing *self, enum cps_listing_format format,
                      const struct cps_column *columns, size_t column_count);
void cps_listing_release(struct cps_listing *self);

/* Adds a row; cells[column_count] are copied. */
enum cps_status cps_listing_add(struct cps_listing *self, const struct cps_cell *cells);

/* Prints header and rows and releases self, even on an error. CPS_ERR_STORAGE when output fails. */
enum cps_status cps_listing_print(struct cps_listing *self);

/* Print a listing that is built in parts, possibly by several threads: first the header, then the rows of each
 * part in turn, then the end. *any tells whether a row was printed so far, and is updated. TSV and JSON only.
 */
enum cps_status cps_listing_print_header(const struct cps_listing *self);
enum cps_status cps_listing_print_rows(const struct cps_listing *part, bool *any);
enum cps_status cps_listing_print_end(enum cps_listing_format format, bool any);

/* Appends text to out as a JSON string with its quotes. */
enum cps_status cps_listing_add_json_string(struct cps_text *out, const char *text);

/* Flushes standard output; CPS_ERR_STORAGE when not everything could be written. */
enum cps_status cps_listing_flush(void);

#endif
