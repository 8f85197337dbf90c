/* See idcheck.h; used by the readers of ratings and of titles. */
#include "common/data/idcheck.h"

#include <stdbool.h>

#include "common/data/ids.h"
#include "common/text/utf8.h"

static bool has_control_character(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7F)
            return true;
    return false;
}

enum cps_status cps_id_check(const struct cps_source *source, const char *at, const char *what,
                             const char *text, size_t length)
{
    char excerpt[CPS_EXCERPT_BYTES];
    if (length == 0)
        return cps_source_fail(source, at, "empty %s", what);
    if (length > CPS_ID_MAX_BYTES)
        return cps_source_fail(source, at, "%s of %zu bytes, at most %d are allowed", what, length,
                               CPS_ID_MAX_BYTES);
    cps_excerpt(text, length, excerpt);
    if (has_control_character(text, length))
        return cps_source_fail(source, at, "control character in %s '%s'", what, excerpt);
    if (cps_utf8_is_valid(text, length))
        return CPS_OK;
    cps_source_fail(source, at, "%s '%s' is not UTF-8", what, excerpt);
    return cps_hint(CPS_ERR_DATA, "--encoding latin1 reads text of Western Europe; iconv converts others");
}
