/* Log lines on stderr, each by one write(2), so that lines of several ranks do not mix. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum cps_log_level max_level = CPS_LOG_INFO;
static char speaker_prefix[64];

void cps_log_set_level(enum cps_log_level level)
{
    max_level = level;
}

void cps_log_set_speaker(const char *speaker)
{
    if (speaker && *speaker)
        snprintf(speaker_prefix, sizeof speaker_prefix, "%s: ", speaker);
    else
        speaker_prefix[0] = '\0';
}

static void write_line(const char *kind, const char *format, va_list args)
{
    char line[2 * CPS_ERROR_BYTES];
    int used = snprintf(line, sizeof line, "collab-ps: %s%s", speaker_prefix, kind);
    int more = vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    size_t length = (size_t)used + (size_t)(more < 0 ? 0 : more);
    if (length > sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    /* The result is ignored: there is nowhere else to report that a log line failed. */
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}

void cps_log(enum cps_log_level level, const char *format, ...)
{
    static const char *const kinds[] = {"error: ", "warning: ", "", "debug: "};
    if (level > max_level)
        return;
    va_list args;
    va_start(args, format);
    write_line(kinds[level], format, args);
    va_end(args);
}

void cps_log_lines(enum cps_log_level level, const char *prefix, const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        cps_log(level, "%s%.*s", prefix, (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void cps_log_error(const char *text, const char *hint)
{
    cps_log(CPS_LOG_ERROR, "%s", text);
    if (hint && *hint) {
        char line[CPS_ERROR_BYTES];
        snprintf(line, sizeof line, "  hint: %s\n", hint);
        ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
        (void)ignored;
    }
}
