/*
 * The bytes of one input file, and errors that point into them.
 *
 * A source is a view and does not own its bytes. Lines are not counted while reading; a line's
 * number is computed only for an error.
 */
#ifndef CPS_TEXT_SOURCE_H
#define CPS_TEXT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_source {
    const char *path; /* its name in messages */
    const char *data; /* not NUL-terminated; NULL when there is no such file */
    size_t size;      /* bytes */
};

/* Room for an excerpt: 48 bytes, an ellipsis and the NUL. */
#define CPS_EXCERPT_BYTES 56

/* The start of the text: after a UTF-8 byte order mark, if there is one. */
const char *cps_source_begin(const struct cps_source *self);

/* The end of the line at 'at': its '\n' or the end of the data. */
const char *cps_source_line_end(const struct cps_source *self, const char *at);

/* The first line from 'at' on that holds more than blanks, or the end of the data. */
const char *cps_skip_blank_lines(const struct cps_source *self, const char *at);

/* line_end, without the '\r' of a CRLF line. */
const char *cps_source_text_end(const char *line, const char *line_end);

/* The 1-based number of the line that holds 'at'. */
uint64_t cps_source_line(const struct cps_source *self, const char *at);

/* Fails with CPS_ERR_DATA and "PATH:LINE: " before the formatted text. */
enum cps_status cps_source_fail(const struct cps_source *self, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Refuses a file that is empty. */
enum cps_status cps_source_check_not_empty(const struct cps_source *self);

/* Refuses data with a NUL byte in [begin, end), since it is not text. */
enum cps_status cps_source_check_text(const struct cps_source *self, const char *begin, const char *end);

/* The start of text[0..length) for use in a message: cut to 48 bytes, with bytes that are not
 * printable ASCII or UTF-8 replaced by '?'. Returns out. */
const char *cps_excerpt(const char *text, size_t length, char out[CPS_EXCERPT_BYTES]);

#endif
