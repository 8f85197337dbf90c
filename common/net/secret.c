/* Names and codes from the key of a run; see secret.h. */
#include "common/net/secret.h"

#include <stdio.h>
#include <string.h>

/* The domain of a code, so that codes of different domains never match. */
enum purpose { PURPOSE_FRAME, PURPOSE_NAME_LOW, PURPOSE_NAME_HIGH };

static uint64_t code_of_pair(const uint8_t key[CPS_SECRET_BYTES], enum purpose purpose, uint32_t from,
                             uint32_t to)
{
    uint32_t text[3] = {(uint32_t)purpose, from, to};
    struct cps_siphash hash;
    cps_siphash_begin(&hash, key);
    cps_siphash_add(&hash, text, sizeof text);
    return cps_siphash_end(&hash);
}

struct cps_secret_name cps_secret_name(const uint8_t key[CPS_SECRET_BYTES], uint32_t from, uint32_t to)
{
    struct cps_secret_name name = {.prefix = 'c'};
    uint64_t low = code_of_pair(key, PURPOSE_NAME_LOW, from, to),
             high = code_of_pair(key, PURPOSE_NAME_HIGH, from, to);
    memcpy(name.rank, &from, sizeof name.rank);
    memcpy(name.token, &low, sizeof low);
    memcpy(name.token + sizeof low, &high, sizeof high);
    return name;
}

uint32_t cps_secret_name_rank(const void *name)
{
    uint32_t rank;
    memcpy(&rank, (const uint8_t *)name + offsetof(struct cps_secret_name, rank), sizeof rank);
    return rank;
}

uint64_t cps_secret_code(const uint8_t key[CPS_SECRET_BYTES], const void *frame, size_t bytes)
{
    uint64_t start[2] = {PURPOSE_FRAME, bytes};
    struct cps_siphash hash;
    cps_siphash_begin(&hash, key);
    cps_siphash_add(&hash, start, sizeof start);
    cps_siphash_add(&hash, frame, bytes);
    return cps_siphash_end(&hash);
}

void cps_secret_name_text(const struct cps_secret_name *name, char out[CPS_SECRET_TEXT_BYTES])
{
    const uint8_t *bytes = (const uint8_t *)name;
    for (size_t i = 0; i < sizeof *name; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
