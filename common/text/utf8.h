/* Validation of UTF-8 and conversion to it. */
#ifndef CPS_TEXT_UTF8_H
#define CPS_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"
#include "common/base/text.h"

/* The number of bytes of the character at the start of text[0..length), 0 if it is malformed
 * (RFC 3629: shortest form, no surrogates, at most U+10FFFF). length >= 1. */
size_t cps_utf8_width(const char *text, size_t length);

/* Whether all of text is well-formed UTF-8. */
bool cps_utf8_is_valid(const char *text, size_t length);

/* Appends ISO 8859-1 text to out as UTF-8. */
enum cps_status cps_utf8_add_latin1(struct cps_text *out, const char *text, size_t length);

/* Appends `bytes` bytes of UTF-16 text, big- or little-endian, to out as UTF-8. CPS_ERR_DATA if it is
 * malformed. */
enum cps_status cps_utf8_add_utf16(struct cps_text *out, const char *text, size_t bytes, bool big);

#endif
