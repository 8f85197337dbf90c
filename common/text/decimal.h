/* Parses ratings from text, correctly rounded; short ones without the C library. */
#ifndef CPS_TEXT_DECIMAL_H
#define CPS_TEXT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cps_decimal_result {
    CPS_DECIMAL_OK,
    CPS_DECIMAL_NOT_A_NUMBER, /* not a decimal number at all */
    CPS_DECIMAL_NOT_FINITE,   /* nan, inf, or beyond what 32 bits hold */
};

/* Parses text as a decimal number, correctly rounded to 64 bits and then to 32, as numpy and torch
 * do. *out is set if the result is CPS_DECIMAL_OK. */
enum cps_decimal_result cps_decimal_parse(const char *text, size_t length, float *out);

/* Whether text is digits with a decimal comma, "3,5", which cps_decimal_parse rejects. */
bool cps_decimal_has_comma(const char *text, size_t length);

/* The fast path: reads digits with at most one point from 'at'; the caller guarantees that another byte
 * follows them. Returns the end and sets *out, or returns NULL if cps_decimal_parse is needed: no digit, or
 * more than 15. */
static inline const char *cps_decimal_scan(const char *at, float *out)
{
    static const double powers[16] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *start = at;
    uint64_t digits = 0;
    uint8_t digit;
    for (; (digit = (uint8_t)(*at - '0')) <= 9; at++)
        digits = digits * 10 + digit;
    size_t whole = (size_t)(at - start), fraction = 0;
    if (*at == '.') {
        const char *point = at++;
        for (; (digit = (uint8_t)(*at - '0')) <= 9; at++)
            digits = digits * 10 + digit;
        fraction = (size_t)(at - point - 1);
    }
    if (whole + fraction == 0 || whole + fraction > 15)
        return NULL;
    /* Both operands are exact doubles, so the quotient is correctly rounded (Clinger,
     * "How to read floating point numbers accurately", PLDI 1990). */
    *out = (float)((double)digits / powers[fraction]);
    return at;
}

#endif
