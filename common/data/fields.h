/*
 * Lines cut into fields: by comma, semicolon, tab, '::' or runs of blanks.
 *
 * With the first three, a field may be quoted as RFC 4180 has it ("a, ""b""");
 * a quoted field ends on its own line.
 */
#ifndef CPS_DATA_FIELDS_H
#define CPS_DATA_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/source.h"

struct cps_delimiter {
    const char *name; /* for messages */
    char first;
    char second; /* '\0' where the delimiter is one byte */
    bool quotes; /* a field may be quoted */
    bool runs;   /* several in a row are one, and those around a line are none */
};

extern const struct cps_delimiter cps_delimiter_comma, cps_delimiter_double_colon, cps_delimiter_bar;

/* One field, a view into its line. */
struct cps_field {
    const char *text;
    size_t length;
    bool quoted;  /* text is what is between the quotes */
    bool doubled; /* and has quotes that are written twice */
};

/* Where cutting stands in a line. */
struct cps_field_cursor {
    const struct cps_delimiter *delimiter;
    const char *at; /* NULL once the last field was cut */
    const char *end;
};

enum cps_field_result {
    CPS_FIELD_CUT,
    CPS_FIELD_NONE,     /* the line has no further field */
    CPS_FIELD_UNCLOSED, /* a quote that does not end on this line */
    CPS_FIELD_TRAILING, /* text between a closing quote and the delimiter */
};

/* Starts on the line [line, end). */
struct cps_field_cursor cps_fields_of(const struct cps_delimiter *delimiter, const char *line, const char *end);

/* Cuts the next field into *out, set when the result is CPS_FIELD_CUT. */
enum cps_field_result cps_field_next(struct cps_field_cursor *self, struct cps_field *out);

/* Fails for a result that is not CPS_FIELD_CUT; what was wanted ("a title"). */
enum cps_status cps_field_fail(enum cps_field_result result, const struct cps_source *source, const char *line,
                               const char *what);

/* Fields of the line, stopping at a malformed one. */
size_t cps_fields_count(const struct cps_delimiter *delimiter, const char *line, const char *end);

/* The delimiter of a file whose first line this is: the first in the order tab, '::',
 * ',', ';', blanks that cuts it into min_fields; NULL if none does. */
const struct cps_delimiter *cps_delimiter_detect(const char *line, const char *end, size_t min_fields);

/* Drops the blanks around an unquoted field. */
void cps_field_trim(struct cps_field *self);

/* Undoes doubled quotes, in scratch, which *self then points into. */
enum cps_status cps_field_undouble(struct cps_field *self, struct cps_text *scratch);

/* Whether the field is this word, letters of any case. */
bool cps_field_is(const struct cps_field *self, const char *word);

#endif
