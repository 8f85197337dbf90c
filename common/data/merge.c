/*
 * See merge.h; used by parts.c.
 *
 *     u32 count | u16 length, bytes | u16 0, u64 value | …      an integer has length 0
 */
#include "common/data/merge.h"

#include <string.h>

enum cps_status cps_merge_write(const struct cps_ids *ids, struct cps_text *out)
{
    CPS_TRY(cps_text_add_bytes(out, &ids->count, sizeof ids->count));
    for (uint32_t n = 0; n < ids->count; n++) {
        uint16_t length = ids->length[n];
        CPS_TRY(cps_text_add_bytes(out, &length, sizeof length));
        CPS_TRY(length ? cps_text_add_bytes(out, ids->text.data + ids->key[n], length)
                       : cps_text_add_bytes(out, &ids->key[n], sizeof ids->key[n]));
    }
    return CPS_OK;
}

/* Consumes count bytes of the input. */
static bool take(const char **at, const char *end, void *out, size_t count)
{
    if ((size_t)(end - *at) < count)
        return false;
    memcpy(out, *at, count);
    *at += count;
    return true;
}

static enum cps_status add_id(struct cps_ids *whole, const char **at, const char *end, uint32_t *number)
{
    uint16_t length;
    uint64_t value;
    bool complete = take(at, end, &length, sizeof length);
    if (complete && length == 0 && take(at, end, &value, sizeof value))
        return cps_ids_add_integer(whole, value, number);
    if (!complete || length == 0 || (size_t)(end - *at) < length)
        return cps_fail(CPS_ERR_INTERNAL, "the ids of a rank are truncated");
    const char *text = *at;
    *at += length;
    return cps_ids_add_string(whole, text, length, number);
}

enum cps_status cps_merge_add(struct cps_ids *whole, const char *bytes, uint64_t size, uint64_t *used,
                              uint32_t *number)
{
    const char *at = bytes, *end = bytes + size;
    uint32_t count = 0;
    if (!take(&at, end, &count, sizeof count))
        return cps_fail(CPS_ERR_INTERNAL, "the ids of a rank are truncated");
    for (uint32_t n = 0; n < count; n++) {
        uint32_t got;
        CPS_TRY(add_id(whole, &at, end, &got));
        if (number)
            number[n] = got;
    }
    *used = (uint64_t)(at - bytes);
    return CPS_OK;
}
