/* Status codes and the last error of a thread; see status.h for the convention. */
#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char error_text[CPS_ERROR_BYTES];
static _Thread_local char error_hint[CPS_ERROR_BYTES];

int cps_status_exit_code(enum cps_status status)
{
    static const int codes[] = {
#define X(name, code, text) [CPS_##name] = code,
        CPS_STATUS_MAP(X)
#undef X
    };
    return codes[status];
}

const char *cps_status_text(enum cps_status status)
{
    static const char *const texts[] = {
#define X(name, code, text) [CPS_##name] = text,
        CPS_STATUS_MAP(X)
#undef X
    };
    return texts[status];
}

/* Replaces control characters by spaces: a value from a file may hold any, and an error is one line. */
static void make_one_line(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
    }
}

enum cps_status cps_fail(enum cps_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    make_one_line(error_text);
    error_hint[0] = '\0';
    return status;
}

enum cps_status cps_hint(enum cps_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error_hint, sizeof error_hint, format, args);
    va_end(args);
    make_one_line(error_hint);
    return status;
}

void cps_failure_note(struct cps_failure *self, enum cps_status status)
{
    self->status = status;
    if (status == CPS_OK)
        return;
    snprintf(self->text, sizeof self->text, "%s", cps_error_text());
    snprintf(self->hint, sizeof self->hint, "%s", cps_error_hint());
}

enum cps_status cps_failure_raise(const struct cps_failure *self)
{
    if (self->status == CPS_OK)
        return CPS_OK;
    cps_fail(self->status, "%s", self->text);
    return self->hint[0] ? cps_hint(self->status, "%s", self->hint) : self->status;
}

enum cps_status cps_fail_memory(const char *what, size_t bytes)
{
    return cps_fail(CPS_ERR_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

const char *cps_error_text(void)
{
    return error_text;
}

const char *cps_error_hint(void)
{
    return error_hint;
}

void cps_error_clear(void)
{
    error_text[0] = '\0';
    error_hint[0] = '\0';
}
