/*
 * The keys of a run. Every rank makes a key pair (X25519), keeps the secret key in memory and publishes the
 * public one over MPI, which anyone on the network can read. With these keys
 * - rank 0 seals the shared secrets for each rank: the id and the key of the run;
 * - ZeroMQ encrypts connections (CurveZMQ, RFC 26) and ranks authenticate each other.
 * Secret keys are never stored or printed.
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

/* Makes a new key pair. Errors are CPS_ERR_INTERNAL or CPS_ERR_MEMORY. */
enum cps_status cps_curve_make(struct cps_curve_pair *out);

/* Seals bytes of plain for the owner of peer into out[bytes + CPS_CURVE_SEAL_BYTES]: AES-256-GCM under the
 * SHA-256 of their shared secret (X25519). The nonce is fixed, so a pair of keys must seal only one text. */
enum cps_status cps_curve_seal(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const void *plain, size_t bytes, uint8_t *out);

/* Decrypts a text sealed by peer into plain[bytes]. CPS_ERR_PEER if it was not sealed by peer or was altered.
 */
enum cps_status cps_curve_open(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const uint8_t *sealed, size_t bytes, void *plain);

/* Encrypts or decrypts, in place, the bytes that a rank sends in exchange number `exchange` of the run, which
 * all ranks count alike: AES-256-CTR under a key derived from the run's. Protects against eavesdropping, not
 * against alteration of MPI traffic. */
enum cps_status cps_curve_veil(const uint8_t *run_key, size_t key_bytes, uint64_t exchange, uint32_t rank,
                               void *data, uint64_t bytes);

/* Erases the secret key once it is no longer needed. */
void cps_curve_forget(struct cps_curve_pair *self);

#endif
