/* The general parser of ratings; see decimal.h. */
#include "common/text/decimal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longer decimals are refused rather than copied to the heap. */
#define MAX_BYTES 255

static bool is_word(const char *text, const char *word)
{
    return strcasecmp(text, word) == 0;
}

/* strtod() would also accept nan(…), hexadecimal and leading blanks, which are not ratings. */
static enum cps_decimal_result classify(const char *text)
{
    const char *bare = text + (*text == '-' || *text == '+');
    if (is_word(bare, "nan") || is_word(bare, "inf") || is_word(bare, "infinity"))
        return CPS_DECIMAL_NOT_FINITE;
    return text[0] && text[strspn(text, "0123456789+-.eE")] == '\0' ? CPS_DECIMAL_OK : CPS_DECIMAL_NOT_A_NUMBER;
}

enum cps_decimal_result cps_decimal_parse(const char *text, size_t length, float *out)
{
    char copy[MAX_BYTES + 1];
    if (length > MAX_BYTES)
        return CPS_DECIMAL_NOT_A_NUMBER;
    memcpy(copy, text, length);
    copy[length] = '\0';
    const char *scanned = cps_decimal_scan(copy, out);
    if (scanned == copy + length)
        return CPS_DECIMAL_OK;
    enum cps_decimal_result result = classify(copy);
    if (result != CPS_DECIMAL_OK)
        return result;
    char *end;
    double value = strtod(copy, &end);
    if (end != copy + length)
        return CPS_DECIMAL_NOT_A_NUMBER;
    if (!isfinite((float)value))
        return CPS_DECIMAL_NOT_FINITE;
    *out = (float)value;
    return CPS_DECIMAL_OK;
}

bool cps_decimal_has_comma(const char *text, size_t length)
{
    size_t commas = 0, start = length > 0 && (text[0] == '-' || text[0] == '+');
    for (size_t i = start; i < length; i++) {
        commas += text[i] == ',';
        if (text[i] != ',' && (uint8_t)(text[i] - '0') > 9)
            return false;
    }
    return commas == 1 && length > 1;
}
