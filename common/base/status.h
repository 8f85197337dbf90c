/*
 * Status codes and the text of a thread's last error.
 *
 * A fallible function returns an enum cps_status. The function that detects an error calls cps_fail(), which
 * keeps the error's text for the code that ends the run; callers only propagate the status. Nothing is
 * printed in between, so that when eight ranks meet the same broken file, only one reports it.
 *
 *     if (count == 0)
 *         return cps_fail(CPS_ERR_DATA, "'%s': no ratings", path);
 */
#ifndef CPS_BASE_STATUS_H
#define CPS_BASE_STATUS_H

#include <stddef.h>

/* name, exit code, text */
#define CPS_STATUS_MAP(X)                                                                                      \
    X(OK, 0, "done")                                                                                           \
    X(ERR_USAGE, 2, "usage error")                                                                             \
    X(ERR_DATA, 3, "data error")                                                                               \
    X(ERR_PEER, 4, "a peer was lost")                                                                          \
    X(ERR_DIVERGED, 5, "training diverged")                                                                    \
    X(ERR_STORAGE, 6, "storage error")                                                                         \
    X(ERR_INTERNAL, 70, "internal error")                                                                      \
    X(ERR_MEMORY, 71, "out of memory")                                                                         \
    X(ERR_PREEMPTED, 75, "preempted and saved")                                                                \
    X(ERR_INTERRUPTED, 125, "interrupted")                                                                     \
    X(DIFFERS, 1, "not the same losses or model")

enum cps_status {
#define X(name, code, text) CPS_##name,
    CPS_STATUS_MAP(X)
#undef X
};

/* CPS_DIFFERS is a result, not an error: it has no error text, and no message carries it. */

#define CPS_ERROR_BYTES 1024

/* The process exit code of status, 0..125. */
int cps_status_exit_code(enum cps_status status);

/* A short fixed description of status; never NULL. */
const char *cps_status_text(enum cps_status status);

/* Records the text of an error (cause first, lower case, subject in quotes, no full stop) in place of any
 * earlier one of this thread, and returns status. Control characters become spaces. */
enum cps_status cps_fail(enum cps_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds advice on how to fix the current error, shown as a 'hint:' line. Returns status, for use in a return
 * statement. */
enum cps_status cps_hint(enum cps_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Records that allocating `bytes` bytes for `what` failed; returns CPS_ERR_MEMORY. */
enum cps_status cps_fail_memory(const char *what, size_t bytes);

/* The text and the hint of this thread's last error; "" when there is none. */
const char *cps_error_text(void);
const char *cps_error_hint(void);

/* Clears this thread's last error. */
void cps_error_clear(void);

/* A status with its error, which passes from one thread to another; all zeroes is CPS_OK. */
struct cps_failure {
    enum cps_status status;
    char text[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
};

/* Records status and, if it is an error, this thread's last error. */
void cps_failure_note(struct cps_failure *self, enum cps_status status);

/* Makes the error this thread's last error; returns the status. */
enum cps_status cps_failure_raise(const struct cps_failure *self);

/* Propagates anything but CPS_OK to the caller. */
#define CPS_TRY(call)                                                                                          \
    do {                                                                                                       \
        enum cps_status try_status_ = (call);                                                                  \
        if (try_status_ != CPS_OK)                                                                             \
            return try_status_;                                                                                \
    } while (0)

#endif
