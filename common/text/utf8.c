/*
 * UTF-8; see utf8.h. Titles of the older MovieLens sets are ISO 8859-1, whose bytes are the first
 * 256 code points, so the conversion is two lines here; iconv would depend on its
 * loadable tables being installed where the job runs.
 */
#include "common/text/utf8.h"

#include <stdint.h>

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

size_t cps_utf8_width(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return 1;
    size_t width = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || length < width)
        return 0;
    for (size_t i = 1; i < width; i++)
        if (!is_continuation(s[i]))
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool too_large = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || too_large ? 0 : width;
}

bool cps_utf8_is_valid(const char *text, size_t length)
{
    while (length > 0) {
        size_t width = cps_utf8_width(text, length);
        if (width == 0)
            return false;
        text += width;
        length -= width;
    }
    return true;
}

enum cps_status cps_utf8_add_latin1(struct cps_text *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)text[i];
        char pair[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};
        CPS_TRY(c < 0x80 ? cps_text_add_bytes(out, &text[i], 1) : cps_text_add_bytes(out, pair, 2));
    }
    return CPS_OK;
}

/* Appends one code point. */
static enum cps_status add_code_point(struct cps_text *out, uint32_t c)
{
    char bytes[4];
    size_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = count; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[count] | c);
    return cps_text_add_bytes(out, bytes, count);
}

static uint32_t unit_at(const char *text, size_t at, bool big)
{
    uint8_t first = (uint8_t)text[at], second = (uint8_t)text[at + 1];
    return big ? (uint32_t)first << 8 | second : (uint32_t)second << 8 | first;
}

enum cps_status cps_utf8_add_utf16(struct cps_text *out, const char *text, size_t bytes, bool big)
{
    size_t at = 0;
    for (; at + 2 <= bytes; at += 2) {
        uint32_t c = unit_at(text, at, big);
        if (c >= 0xD800 && c < 0xE000) {
            uint32_t low = c < 0xDC00 && at + 4 <= bytes ? unit_at(text, at + 2, big) : 0;
            if (low < 0xDC00 || low > 0xDFFF)
                return cps_fail(CPS_ERR_DATA, "an unpaired surrogate");
            c = 0x10000 + ((c - 0xD800) << 10 | (low - 0xDC00));
            at += 2;
        }
        CPS_TRY(add_code_point(out, c));
    }
    return at == bytes ? CPS_OK : cps_fail(CPS_ERR_DATA, "half a character at the end");
}
