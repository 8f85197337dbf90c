/*
 * An input file as text: mapped as it is, or decoded into memory where it is compressed (gzip, a zip
 * archive of one file), is UTF-16, or ends its lines with carriage returns alone.
 */
#ifndef CPS_DATA_INPUT_H
#define CPS_DATA_INPUT_H

#include <stdbool.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/source.h"

struct cps_input {
    struct cps_file_map map;
    struct cps_text decoded; /* the text where it is not that of the map */
    bool needs_decoding;
};

/* Opens the file. *out is a view that lives as long as self; its path is borrowed. latin1: text that is not
 * UTF-8 is ISO 8859-1. decode false leaves a file that needs decoding as it is. CPS_ERR_DATA, also for a
 * compressed file that is damaged and for files known to hold something else (Parquet, SQLite, a workbook,
 * …). Release self in any case. */
enum cps_status cps_input_open(struct cps_input *self, const char *path, bool latin1, bool decode,
                               struct cps_source *out);
void cps_input_release(struct cps_input *self);

/* Whether the bytes of a file may not be its text as it stands. */
bool cps_input_needs_decoding(const struct cps_source *bytes, bool latin1);

/* The part of it that needs no file: *source, the bytes of a file, becomes its text. */
enum cps_status cps_input_decode(struct cps_text *decoded, bool latin1, struct cps_source *source);

#endif
