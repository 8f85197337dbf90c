/*
 * Keys of a run. Every rank makes a pair (X25519), keeps the secret half in its memory and hands the public one
 * out over MPI, which anyone on the network can read. With them
 * - rank 0 seals for each rank what all share: the id and the key of the run;
 * - ZeroMQ encrypts (CurveZMQ, RFC 26) and each rank knows the others.
 * Nothing of it is written down or printed.
 */
#ifndef CPS_NET_CURVE_H
#define CPS_NET_CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define CPS_CURVE_BYTES 32
#define CPS_CURVE_SEAL_BYTES 16 /* that sealing adds */

struct cps_curve_key {
    uint8_t bytes[CPS_CURVE_BYTES];
};

struct cps_curve_pair {
    struct cps_curve_key public_key, secret_key;
};

/* A fresh pair. CPS_ERR_INTERNAL or CPS_ERR_MEMORY. */
enum cps_status cps_curve_make(struct cps_curve_pair *out);

/* Seals bytes of plain for the owner of peer into out[bytes + CPS_CURVE_SEAL_BYTES]: AES-256-GCM under the
 * SHA-256 of the two's shared secret (X25519). A pair of keys seals one text alone, for the nonce is fixed. */
enum cps_status cps_curve_seal(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const void *plain, size_t bytes, uint8_t *out);

/* Opens what peer has sealed into plain[bytes]. CPS_ERR_PEER when it was not, or was altered. */
enum cps_status cps_curve_open(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const uint8_t *sealed, size_t bytes, void *plain);

/* Encrypts or decrypts, in place, bytes that a rank hands to all or some others in the run's exchange number
 * `exchange`, counted alike by all: AES-256-CTR under a key that follows from the run's. Against reading along;
 * who can alter what MPI carries is not noticed. */
enum cps_status cps_curve_veil(const uint8_t *run_key, size_t key_bytes, uint64_t exchange, uint32_t rank,
                               void *data, uint64_t bytes);

/* Overwrites the secret half once it is no longer needed. */
void cps_curve_forget(struct cps_curve_pair *self);

#endif
