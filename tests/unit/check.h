/* Checks that say what was got, what was wanted and how far apart the two may be. */
#ifndef CPS_TESTS_CHECK_H
#define CPS_TESTS_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "common/base/status.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* |got - want| <= tolerance; format and its arguments name the quantity. */
#define check_near(got, want, tolerance, ...)                                                                  \
    do {                                                                                                       \
        double got_ = (got), want_ = (want), tolerance_ = (tolerance);                                         \
        if (!(fabs(got_ - want_) <= tolerance_)) {                                                             \
            print_error(__VA_ARGS__);                                                                          \
            print_error(": got %.17g, want %.17g, tolerance %.3g\n", got_, want_, tolerance_);                 \
            fail();                                                                                            \
        }                                                                                                      \
    } while (0)

#define check_at_most(got, limit, ...) check_near(got, 0.0, limit, __VA_ARGS__)

#define check_int(got, want, ...)                                                                              \
    do {                                                                                                       \
        long long got_ = (long long)(got), want_ = (long long)(want);                                          \
        if (got_ != want_) {                                                                                   \
            print_error(__VA_ARGS__);                                                                          \
            print_error(": got %lld, want %lld\n", got_, want_);                                               \
            fail();                                                                                            \
        }                                                                                                      \
    } while (0)

#define check_ok(call)                                                                                         \
    do {                                                                                                       \
        enum cps_status got_ = (call);                                                                         \
        if (got_ != CPS_OK)                                                                                    \
            fail_msg("%s: got '%s': %s", #call, cps_status_text(got_), cps_error_text());                      \
    } while (0)

/* call fails with status, and its sentence has part in it. */
#define check_fails(call, status, part)                                                                        \
    do {                                                                                                       \
        cps_error_clear();                                                                                     \
        enum cps_status got_ = (call), want_ = (status);                                                       \
        if (got_ != want_)                                                                                     \
            fail_msg("%s: got '%s' (%s), want '%s'", #call, cps_status_text(got_), cps_error_text(),           \
                     cps_status_text(want_));                                                                  \
        if (!strstr(cps_error_text(), (part)))                                                                 \
            fail_msg("%s: '%s' does not say '%s'", #call, cps_error_text(), (part));                           \
    } while (0)

/* Random numbers of a test, told apart by stream. */
static inline double test_uniform(uint32_t stream, uint64_t index)
{
    return cps_random_uniform(1, CPS_RANDOM_TEST + stream, index);
}

static inline double test_normal(uint32_t stream, uint64_t index)
{
    return cps_random_normal(1, CPS_RANDOM_TEST + stream, index);
}

static inline uint64_t test_below(uint32_t stream, uint64_t index, uint64_t n)
{
    return cps_random_u64(1, CPS_RANDOM_TEST + stream, index) % n;
}

#endif
