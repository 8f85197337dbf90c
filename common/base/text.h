/* Strings: a growing buffer, numbers from text, and the distance between names. */
#ifndef CPS_BASE_TEXT_H
#define CPS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* A growing string, NUL-terminated once something has been added. All zeroes is a valid empty text. */
struct cps_text {
    char *data;
    size_t length;
    size_t capacity;
};

void cps_text_release(struct cps_text *self);

/* Empties the text but keeps its memory. */
void cps_text_clear(struct cps_text *self);

enum cps_status cps_text_add_bytes(struct cps_text *self, const void *bytes, size_t count);
enum cps_status cps_text_add(struct cps_text *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Converts the whole of text to a number, in the C locale's syntax; false if it is anything else, out of
 * range, or not finite. */
bool cps_text_to_u64(const char *text, uint64_t *out);
bool cps_text_to_double(const char *text, double *out);

/* The number of edits (insert, delete, replace, swap of neighbours) that turn a into b. */
size_t cps_text_distance(const char *a, const char *b);

#endif
