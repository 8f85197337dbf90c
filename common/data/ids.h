/*
 * External ids, numbered in order of first appearance.
 *
 * An id is an integer when it is written as the decimal digits of a 64-bit number
 * without a leading zero, so that each id has one spelling; anything else
 * is a string of bytes. Small integers are looked up in an array, the others in an
 * open-addressing hash table:
 *
 *     direct[value]     -> number + 1, 0 if not seen        value < 2^22
 *     slots[hash & mask] -> number + 1, 0 if free           linear probing, at most half full
 *     key[number]       the value, or the offset of a string in text
 *     length[number]    0 for an integer, else the bytes of the string
 */
#ifndef CPS_DATA_IDS_H
#define CPS_DATA_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"

#define CPS_ID_MAX_BYTES 4096
/* Digits of 2^64 - 1. */
#define CPS_ID_INTEGER_BYTES 20
/* Rows are 32-bit, and row 0 is reserved. */
#define CPS_IDS_MAX (UINT32_MAX - 1)
#define CPS_IDS_NONE UINT32_MAX

/* All zeroes is a valid empty table. */
struct cps_ids {
    uint32_t count;
    uint64_t *key;
    uint16_t *length;
    size_t key_capacity, length_capacity;
    struct cps_text text;
    uint32_t *slots;
    uint64_t slot_count; /* a power of two, or 0 */
    uint64_t slots_used;
    uint32_t *direct;
    size_t direct_count;
};

void cps_ids_release(struct cps_ids *self);

/* Whether text is an integer id; *value is set only then. */
bool cps_id_to_integer(const char *text, size_t length, uint64_t *value);

/* Writes value's digits, without a NUL; returns their number. */
size_t cps_id_from_integer(uint64_t value, char out[CPS_ID_INTEGER_BYTES]);

/* A hash of the id's text, stable across builds: the shard of a
 * user is this modulo the shards. */
uint64_t cps_id_hash(const char *text, size_t length);

/* The number of an id, which is added if it is new: then *number equals the count before the call.
 * add_string treats text as a string even if it is digits; 1 <= length <= CPS_ID_MAX_BYTES.
 * CPS_ERR_DATA for more than CPS_IDS_MAX ids. */
enum cps_status cps_ids_add_integer(struct cps_ids *self, uint64_t value, uint32_t *number);
enum cps_status cps_ids_add_string(struct cps_ids *self, const char *text, size_t length, uint32_t *number);
enum cps_status cps_ids_add(struct cps_ids *self, const char *text, size_t length, uint32_t *number);

/* The number of an id, or CPS_IDS_NONE if it is unknown. */
uint32_t cps_ids_find(const struct cps_ids *self, const char *text, size_t length);

/* The id as text: a view into self, or into digits for an integer. */
const char *cps_ids_text(const struct cps_ids *self, uint32_t number, char digits[CPS_ID_INTEGER_BYTES],
                         size_t *length);

static inline bool cps_ids_is_integer(const struct cps_ids *self, uint32_t number)
{
    return self->length[number] == 0;
}

/* The number of a known small integer id, else CPS_IDS_NONE. For the hot path, which then falls back to
 * cps_ids_add_integer(). */
static inline uint32_t cps_ids_find_direct(const struct cps_ids *self, uint64_t value)
{
    /* A free entry is 0, which becomes CPS_IDS_NONE. */
    return value < self->direct_count ? self->direct[value] - 1 : CPS_IDS_NONE;
}

#endif
