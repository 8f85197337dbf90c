/* Strings; see text.h. */
#include "common/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_text_release(struct cps_text *self)
{
    free(self->data);
    *self = (struct cps_text){0};
}

void cps_text_clear(struct cps_text *self)
{
    self->length = 0;
    if (self->data)
        self->data[0] = '\0';
}

enum cps_status cps_text_add_bytes(struct cps_text *self, const void *bytes, size_t count)
{
    CPS_TRY(cps_grow("text", &self->data, &self->capacity, self->length + count + 1, 1));
    if (count)
        memcpy(self->data + self->length, bytes, count);
    self->length += count;
    self->data[self->length] = '\0';
    return CPS_OK;
}

enum cps_status cps_text_add(struct cps_text *self, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    enum cps_status status =
        cps_grow("text", &self->data, &self->capacity, self->length + (size_t)count + 1, 1);
    if (status == CPS_OK) {
        vsnprintf(self->data + self->length, (size_t)count + 1, format, again);
        self->length += (size_t)count;
    }
    va_end(again);
    return status;
}

bool cps_text_to_u64(const char *text, uint64_t *out)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *out = value;
    return true;
}

bool cps_text_to_double(const char *text, double *out)
{
    if (text[0] == '\0' || isspace((unsigned char)text[0]))
        return false;
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

/* Optimal string alignment distance (Damerau 1964), three rows at a time. */
size_t cps_text_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t na = strnlen(a, MAX - 1), nb = strnlen(b, MAX - 1);
    size_t rows[3][MAX];
    size_t *two_up = rows[0], *up = rows[1], *row = rows[2];
    for (size_t j = 0; j <= nb; j++)
        up[j] = j;
    for (size_t i = 1; i <= na; i++) {
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two_up[j - 2] + 1 < best)
                best = two_up[j - 2] + 1;
            row[j] = best;
        }
        size_t *spare = two_up;
        two_up = up;
        up = row;
        row = spare;
    }
    return up[nb];
}
