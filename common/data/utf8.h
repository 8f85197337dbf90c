/* Whether bytes are UTF-8, and Latin-1 turned into it. */
#ifndef CPS_DATA_UTF8_H
#define CPS_DATA_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"
#include "common/base/text.h"

/* Bytes of the character that text[0..length) starts with, 0 if it is not a well-formed
 * one (RFC 3629: shortest form, no surrogates, at most U+10FFFF). length >= 1. */
size_t cps_utf8_width(const char *text, size_t length);

/* Whether all of text is well-formed UTF-8. */
bool cps_utf8_is_valid(const char *text, size_t length);

/* Appends ISO 8859-1 text to out as UTF-8. */
enum cps_status cps_utf8_add_latin1(struct cps_text *out, const char *text, size_t length);

/* Appends UTF-16 text of so many bytes, big-endian or little, to out as UTF-8. CPS_ERR_DATA when it is not
 * well-formed. */
enum cps_status cps_utf8_add_utf16(struct cps_text *out, const char *text, size_t bytes, bool big);

#endif
