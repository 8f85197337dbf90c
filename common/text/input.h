/*
 * An input file as text: mapped, or decoded into memory if it is compressed (gzip, a zip
 * archive of one file), is UTF-16, or ends its lines with carriage returns alone.
 */
#ifndef CPS_TEXT_INPUT_H
#define CPS_TEXT_INPUT_H

#include <stdbool.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/text/source.h"

struct cps_input {
    struct cps_file_map map;
    struct cps_text decoded; /* the decoded text, if the file needed decoding */
    bool needs_decoding;
};

/* Opens the file. *out is a view that lives as long as self; its path is borrowed. latin1: read text that is
 * not UTF-8 as ISO 8859-1. decode false leaves a file that needs decoding unchanged. CPS_ERR_DATA, also for a
 * damaged compressed file and for known other formats (Parquet, SQLite, a workbook, …). Release self also after
 * an error. */
enum cps_status cps_input_open(struct cps_input *self, const char *path, bool latin1, bool decode,
                               struct cps_source *out);
void cps_input_release(struct cps_input *self);

/* Whether the bytes of a file must be decoded to become text. */
bool cps_input_needs_decoding(const struct cps_source *bytes, bool latin1);

/* Decodes a file's bytes in memory: *source, the bytes, becomes the text, which may lie in decoded. */
enum cps_status cps_input_decode(struct cps_text *decoded, bool latin1, struct cps_source *source);

#endif
