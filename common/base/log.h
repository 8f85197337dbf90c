/*
 * Log lines on stderr: "collab-ps: warning: …". Results go to stdout and do not pass through here.
 */
#ifndef CPS_BASE_LOG_H
#define CPS_BASE_LOG_H

#include "common/base/status.h"

enum cps_log_level { CPS_LOG_ERROR, CPS_LOG_WARN, CPS_LOG_INFO, CPS_LOG_DEBUG };

/* Lines above level are dropped. The default is CPS_LOG_INFO. */
void cps_log_set_level(enum cps_log_level level);

/* Prefixes every later line with speaker ("worker 2"); NULL or "" for no prefix. The text is copied. */
void cps_log_set_speaker(const char *speaker);

/* Writes one line, whole, in one write(2). */
void cps_log(enum cps_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each line of lines (NULL: none), with prefix before it. */
void cps_log_lines(enum cps_log_level level, const char *prefix, const char *lines);

#define cps_warn(...) cps_log(CPS_LOG_WARN, __VA_ARGS__)
#define cps_info(...) cps_log(CPS_LOG_INFO, __VA_ARGS__)
#define cps_debug(...) cps_log(CPS_LOG_DEBUG, __VA_ARGS__)

/* Prints an error's text and, unless it is empty, its hint line. */
void cps_log_error(const char *text, const char *hint);

#endif
