/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a 64-bit message
 * authentication code, with one round per word and three final ones. It detects forged and damaged messages; it
 * does not encrypt. SipHash-2-4, the authors' conservative choice, took 5 % of a run over tcp.
 */
#ifndef CPS_BASE_SIPHASH_H
#define CPS_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define CPS_SIPHASH_KEY_BYTES 16

struct cps_siphash {
    uint64_t v[4];
    uint64_t tail; /* bytes of an incomplete word */
    uint64_t bytes;
};

void cps_siphash_begin(struct cps_siphash *self, const uint8_t key[CPS_SIPHASH_KEY_BYTES]);

/* Adds bytes of the text; any split into pieces gives the same code. */
void cps_siphash_add(struct cps_siphash *self, const void *text, size_t bytes);
uint64_t cps_siphash_end(struct cps_siphash *self);

#endif
