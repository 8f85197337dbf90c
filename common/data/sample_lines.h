/* A sample of lines from all parts of a ratings file, as comparable numbers. */
#ifndef CPS_DATA_SAMPLE_LINES_H
#define CPS_DATA_SAMPLE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/text/fields.h"
#include "common/text/source.h"

struct cps_cell {
    uint64_t hash; /* of the text; equal texts have equal hashes */
    float value;
    bool is_number;
};

struct cps_sample_lines {
    size_t rows, columns;
    struct cps_cell *cells; /* [rows][columns] */
    bool *continues;        /* [rows]: directly follows the previous row in the file */
};

/* Samples lines from data on that have 'count' fields; only their first max_columns are kept. */
enum cps_status cps_sample_lines_take(struct cps_sample_lines *self, const struct cps_source *source,
                                      const struct cps_delimiter *delimiter, const char *data, size_t count,
                                      size_t max_columns);
void cps_sample_lines_release(struct cps_sample_lines *self);

static inline const struct cps_cell *cps_sample_cell(const struct cps_sample_lines *self, size_t row,
                                                     size_t column)
{
    return &self->cells[row * self->columns + column];
}

#endif
