/* The table of external ids; see ids.h. Readers fill it, vocabulary.c sorts it. */
#include "common/data/ids.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

#define DIRECT_LIMIT ((uint64_t)1 << 22)
#define DIRECT_FIRST 4096
#define SLOTS_FIRST 1024

void cps_ids_release(struct cps_ids *self)
{
    free(self->key);
    free(self->length);
    free(self->slots);
    free(self->direct);
    cps_text_release(&self->text);
    *self = (struct cps_ids){0};
}

bool cps_id_to_integer(const char *text, size_t length, uint64_t *value)
{
    if (length == 0 || length > CPS_ID_INTEGER_BYTES || (text[0] == '0' && length > 1))
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t digit = (uint8_t)(text[i] - '0');
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

size_t cps_id_from_integer(uint64_t value, char out[CPS_ID_INTEGER_BYTES])
{
    char reversed[CPS_ID_INTEGER_BYTES];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < length; i++)
        out[i] = reversed[length - 1 - i];
    return length;
}

/* The 64-bit finaliser of MurmurHash3. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCDu;
    x ^= x >> 33;
    x *= 0xC4CEB9FE1A85EC53u;
    x ^= x >> 33;
    return x;
}

/* FNV-1a; the finaliser makes up for its weak low bits. */
uint64_t cps_id_hash(const char *text, size_t length)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001B3u;
    return mix(hash);
}

const char *cps_ids_text(const struct cps_ids *self, uint32_t number, char digits[CPS_ID_INTEGER_BYTES],
                         size_t *length)
{
    if (!cps_ids_is_integer(self, number)) {
        *length = self->length[number];
        return self->text.data + self->key[number];
    }
    *length = cps_id_from_integer(self->key[number], digits);
    return digits;
}

static uint64_t hash_of_number(const struct cps_ids *self, uint32_t number)
{
    if (cps_ids_is_integer(self, number))
        return mix(self->key[number]);
    return cps_id_hash(self->text.data + self->key[number], self->length[number]);
}

static void place(struct cps_ids *self, uint64_t hash, uint32_t number)
{
    uint64_t mask = self->slot_count - 1, slot = hash & mask;
    while (self->slots[slot])
        slot = (slot + 1) & mask;
    self->slots[slot] = number + 1;
}

/* Makes room for one more id and keeps a slot free, so that every lookup terminates. */
static enum cps_status reserve_slot(struct cps_ids *self)
{
    if (self->slots_used < self->slot_count / 2)
        return CPS_OK;
    uint32_t *old = self->slots;
    uint64_t old_count = self->slot_count;
    uint64_t count = old_count ? old_count * 2 : SLOTS_FIRST;
    uint32_t *slots;
    CPS_TRY(cps_alloc("the table of ids", count, sizeof *slots, &slots));
    self->slots = slots;
    self->slot_count = count;
    for (uint64_t i = 0; i < old_count; i++)
        if (old[i])
            place(self, hash_of_number(self, old[i] - 1), old[i] - 1);
    free(old);
    return CPS_OK;
}

/* Adds an id with this key and returns its number; length 0 for an integer. */
static enum cps_status append(struct cps_ids *self, uint64_t key, size_t length, uint32_t *number)
{
    if (self->count >= CPS_IDS_MAX)
        return cps_fail(CPS_ERR_DATA, "more than %u distinct ids", CPS_IDS_MAX);
    size_t need = (size_t)self->count + 1;
    CPS_TRY(cps_grow("ids", &self->key, &self->key_capacity, need, sizeof *self->key));
    CPS_TRY(cps_grow("ids", &self->length, &self->length_capacity, need, sizeof *self->length));
    self->key[self->count] = key;
    self->length[self->count] = (uint16_t)length;
    *number = self->count++;
    return CPS_OK;
}

static enum cps_status grow_direct(struct cps_ids *self, uint64_t value)
{
    if (value < self->direct_count)
        return CPS_OK;
    size_t count = self->direct_count ? self->direct_count : DIRECT_FIRST;
    while (count <= value)
        count *= 2;
    uint32_t *direct;
    CPS_TRY(cps_alloc("the table of ids", count, sizeof *direct, &direct));
    if (self->direct_count)
        memcpy(direct, self->direct, self->direct_count * sizeof *direct);
    free(self->direct);
    self->direct = direct;
    self->direct_count = count;
    return CPS_OK;
}

static enum cps_status add_small(struct cps_ids *self, uint64_t value, uint32_t *number)
{
    CPS_TRY(grow_direct(self, value));
    if (self->direct[value]) {
        *number = self->direct[value] - 1;
        return CPS_OK;
    }
    CPS_TRY(append(self, value, 0, number));
    self->direct[value] = *number + 1;
    return CPS_OK;
}

/* The number of an integer among the slots, or CPS_IDS_NONE. */
static uint32_t find_large(const struct cps_ids *self, uint64_t value)
{
    if (self->slot_count == 0)
        return CPS_IDS_NONE;
    uint64_t mask = self->slot_count - 1;
    for (uint64_t slot = mix(value) & mask; self->slots[slot]; slot = (slot + 1) & mask) {
        uint32_t number = self->slots[slot] - 1;
        if (self->key[number] == value && self->length[number] == 0)
            return number;
    }
    return CPS_IDS_NONE;
}

static uint32_t find_string(const struct cps_ids *self, const char *text, size_t length, uint64_t hash)
{
    if (self->slot_count == 0)
        return CPS_IDS_NONE;
    uint64_t mask = self->slot_count - 1;
    for (uint64_t slot = hash & mask; self->slots[slot]; slot = (slot + 1) & mask) {
        uint32_t number = self->slots[slot] - 1;
        if (self->length[number] == length && memcmp(self->text.data + self->key[number], text, length) == 0)
            return number;
    }
    return CPS_IDS_NONE;
}

enum cps_status cps_ids_add_integer(struct cps_ids *self, uint64_t value, uint32_t *number)
{
    if (value < DIRECT_LIMIT)
        return add_small(self, value, number);
    *number = find_large(self, value);
    if (*number != CPS_IDS_NONE)
        return CPS_OK;
    CPS_TRY(reserve_slot(self));
    CPS_TRY(append(self, value, 0, number));
    place(self, mix(value), *number);
    self->slots_used++;
    return CPS_OK;
}

enum cps_status cps_ids_add_string(struct cps_ids *self, const char *text, size_t length, uint32_t *number)
{
    uint64_t hash = cps_id_hash(text, length);
    *number = find_string(self, text, length, hash);
    if (*number != CPS_IDS_NONE)
        return CPS_OK;
    CPS_TRY(reserve_slot(self));
    uint64_t start = self->text.length;
    CPS_TRY(cps_text_add_bytes(&self->text, text, length));
    CPS_TRY(append(self, start, length, number));
    place(self, hash, *number);
    self->slots_used++;
    return CPS_OK;
}

enum cps_status cps_ids_add(struct cps_ids *self, const char *text, size_t length, uint32_t *number)
{
    uint64_t value;
    if (cps_id_to_integer(text, length, &value))
        return cps_ids_add_integer(self, value, number);
    return cps_ids_add_string(self, text, length, number);
}

uint32_t cps_ids_find(const struct cps_ids *self, const char *text, size_t length)
{
    uint64_t value;
    if (!cps_id_to_integer(text, length, &value))
        return find_string(self, text, length, cps_id_hash(text, length));
    return value < DIRECT_LIMIT ? cps_ids_find_direct(self, value) : find_large(self, value);
}
