/* SipHash-1-3; see siphash.h. Words are little-endian, as are the supported machines. */
#include "common/base/siphash.h"

#include <string.h>

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void compress(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 1);
    v[0] ^= word;
}

void cps_siphash_begin(struct cps_siphash *self, const uint8_t key[CPS_SIPHASH_KEY_BYTES])
{
    uint64_t k[2];
    memcpy(k, key, sizeof k);
    *self = (struct cps_siphash){.v = {k[0] ^ 0x736f6d6570736575u, k[1] ^ 0x646f72616e646f6du,
                                       k[0] ^ 0x6c7967656e657261u, k[1] ^ 0x7465646279746573u}};
}

void cps_siphash_add(struct cps_siphash *self, const void *text, size_t bytes)
{
    const uint8_t *next = text, *end = next + bytes;
    /* Completes the pending partial word first, then takes whole words directly. */
    for (; next < end && self->bytes % 8; next++) {
        self->tail |= (uint64_t)*next << 8 * (self->bytes++ % 8);
        if (self->bytes % 8 == 0) {
            compress(self->v, self->tail);
            self->tail = 0;
        }
    }
    uint64_t v[4];
    memcpy(v, self->v, sizeof v);
    for (; end - next >= 8; next += 8, self->bytes += 8) {
        uint64_t word;
        memcpy(&word, next, sizeof word);
        compress(v, word);
    }
    memcpy(self->v, v, sizeof v);
    for (; next < end; next++)
        self->tail |= (uint64_t)*next << 8 * (self->bytes++ % 8);
}

uint64_t cps_siphash_end(struct cps_siphash *self)
{
    compress(self->v, self->tail | self->bytes << 56);
    self->v[2] ^= 0xff;
    rounds(self->v, 3);
    return self->v[0] ^ self->v[1] ^ self->v[2] ^ self->v[3];
}
