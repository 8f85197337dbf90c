/*
 * Splits lines into fields at a comma, semicolon, tab, '::', '|' or run of blanks.
 *
 * Except with '::' and '|', a field may be quoted as in RFC 4180 ("a, ""b""") or, as
 * MySQL and Book-Crossing write it, with a backslash before an inner quote ("a \"b\"").
 * A field that does not parse the first way is tried the second way.
 *
 * A quoted field may span several lines. The cursor sees only the line it was given and
 * reports CPS_FIELD_UNCLOSED; cps_record_end() finds the end of such a record.
 */
#ifndef CPS_TEXT_FIELDS_H
#define CPS_TEXT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/text/source.h"

struct cps_delimiter {
    const char *name; /* for messages */
    char first;
    char second; /* '\0' for a delimiter of one byte */
    bool quotes; /* fields may be quoted */
    bool runs;   /* blanks: a run counts as one delimiter, and those at both ends of a line are dropped */
};

extern const struct cps_delimiter cps_delimiter_comma, cps_delimiter_double_colon, cps_delimiter_bar;

/* One field, a view into its line. */
struct cps_field {
    const char *text;
    size_t length;
    bool quoted;  /* text is the part between the quotes */
    bool doubled; /* inner quotes are written twice */
    bool escaped; /* inner quotes and backslashes have a backslash before them */
};

/* A position in a line that is being split. */
struct cps_field_cursor {
    const struct cps_delimiter *delimiter;
    const char *at; /* NULL after the last field */
    const char *end;
};

enum cps_field_result {
    CPS_FIELD_CUT,
    CPS_FIELD_NONE,     /* the line has no further field */
    CPS_FIELD_UNCLOSED, /* a quote is not closed on this line */
    CPS_FIELD_TRAILING, /* text between a closing quote and the delimiter */
};

/* The longest record in which the end of a quoted field is searched. */
#define CPS_RECORD_MAX_BYTES ((size_t)1 << 20)

/* A cursor at the start of the line [line, end). */
struct cps_field_cursor cps_fields_of(const struct cps_delimiter *delimiter, const char *line, const char *end);

/* Splits off the next field; *out is set if the result is CPS_FIELD_CUT. */
enum cps_field_result cps_field_next(struct cps_field_cursor *self, struct cps_field *out);

/* Reports a result other than CPS_FIELD_CUT; what names the expected field ("a title"). */
enum cps_status cps_field_fail(enum cps_field_result result, const struct cps_source *source, const char *line,
                               const char *what);

/* Number of fields of the line, up to a malformed one. */
size_t cps_fields_count(const struct cps_delimiter *delimiter, const char *line, const char *end);

/* The end of the record whose first line is [line, line_end): line_end, or the end of the later line
 * in which a quoted field is closed. If a quote is not closed within CPS_RECORD_MAX_BYTES, or is followed by
 * text, the record ends with its line. */
const char *cps_record_end(const struct cps_delimiter *delimiter, const struct cps_source *source,
                           const char *line, const char *line_end);

/* Detects the delimiter that splits the first lines of a file, from line on, into at least min_fields:
 * the first of tab, '::', ',', ';', '|' and blanks that gives every line the same number of fields; else the
 * first that gives every line at least min_fields; else the first that splits the first line; else NULL. */
const struct cps_delimiter *cps_delimiter_detect(const struct cps_source *source, const char *line,
                                                 size_t min_fields);

/* The one-byte delimiter `byte`, or NULL if it is not a known one. */
const struct cps_delimiter *cps_delimiter_of(char byte);

/* Removes the blanks around an unquoted field. */
void cps_field_trim(struct cps_field *self);

/* Unescapes inner quotes into scratch, which *self then points into. */
enum cps_status cps_field_unquote(struct cps_field *self, struct cps_text *scratch);

/* Whether the field equals word, ignoring case. */
bool cps_field_is(const struct cps_field *self, const char *word);

#endif
