/*
 * What the ranks of a run share and nobody else knows: a key, drawn by rank 0 and handed out over MPI. From
 * it follow the names under which ranks know each other's connections, and the code of every frame that
 * travels unencrypted.
 */
#ifndef CPS_NET_SECRET_H
#define CPS_NET_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/siphash.h"

#define CPS_SECRET_BYTES CPS_SIPHASH_KEY_BYTES

/* What rank `from` calls itself where it connects to rank `to`, and nowhere else: so that nobody who is not of
 * the run can take a rank's place, nor learn from any answer how to. Not zero in its first byte. */
struct cps_secret_name {
    uint8_t prefix;
    uint8_t rank[4];
    uint8_t token[16];
};

struct cps_secret_name cps_secret_name(const uint8_t key[CPS_SECRET_BYTES], uint32_t from, uint32_t to);

/* The rank in a name that claims to be one; the claim is the caller's to check. */
uint32_t cps_secret_name_rank(const void *name);

/* The code of a frame: of its header, which says from whom to whom and in which place of the sequence, and of
 * its payload. */
uint64_t cps_secret_code(const uint8_t key[CPS_SECRET_BYTES], const void *header, size_t header_bytes,
                         const void *payload, size_t payload_bytes);

/* A name as text, for a password: 42 characters and a NUL. */
#define CPS_SECRET_TEXT_BYTES (2 * sizeof(struct cps_secret_name) + 1)
void cps_secret_name_text(const struct cps_secret_name *name, char out[CPS_SECRET_TEXT_BYTES]);

#endif
