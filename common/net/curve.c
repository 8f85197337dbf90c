/* X25519 and AES-256-GCM by libcrypto; see curve.h. */
#include "common/net/curve.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/sha256.h"

static enum cps_status fail_crypto(const char *what)
{
    if (cps_libcrypto_is_short())
        return cps_fail_memory("libcrypto", 0);
    return cps_fail(CPS_ERR_INTERNAL, "libcrypto cannot %s", what);
}

enum cps_status cps_curve_make(struct cps_curve_pair *out)
{
    EVP_PKEY *pair = NULL;
    size_t public_bytes = CPS_CURVE_BYTES, secret_bytes = CPS_CURVE_BYTES;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
    bool made = context && EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_keygen(context, &pair) == 1 &&
                EVP_PKEY_get_raw_public_key(pair, out->public_key.bytes, &public_bytes) == 1 &&
                EVP_PKEY_get_raw_private_key(pair, out->secret_key.bytes, &secret_bytes) == 1;
    EVP_PKEY_free(pair);
    EVP_PKEY_CTX_free(context);
    return made ? CPS_OK : fail_crypto("make a pair of keys");
}

/* The key for texts sealed between own and peer. */
static bool shared_key(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                       uint8_t out[CPS_CURVE_BYTES])
{
    uint8_t secret[CPS_CURVE_BYTES];
    size_t bytes = sizeof secret;
    EVP_PKEY *mine =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, own->secret_key.bytes, CPS_CURVE_BYTES);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer->bytes, CPS_CURVE_BYTES);
    EVP_PKEY_CTX *context = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
    bool derived = context && theirs && EVP_PKEY_derive_init(context) == 1 &&
                   EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
                   EVP_PKEY_derive(context, secret, &bytes) == 1 &&
                   EVP_Digest(secret, bytes, out, NULL, EVP_sha256(), NULL) == 1;
    explicit_bzero(secret, sizeof secret);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(theirs);
    return derived;
}

enum cps_status cps_curve_seal(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const void *plain, size_t bytes, uint8_t *out)
{
    static const uint8_t nonce[12];
    uint8_t key[CPS_CURVE_BYTES];
    int written = 0, rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool sealed = context && shared_key(own, peer, key) &&
                  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                  EVP_EncryptUpdate(context, out, &written, plain, (int)bytes) == 1 &&
                  EVP_EncryptFinal_ex(context, out + written, &rest) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, CPS_CURVE_SEAL_BYTES, out + bytes) == 1;
    explicit_bzero(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    return sealed ? CPS_OK : fail_crypto("seal");
}

enum cps_status cps_curve_open(const struct cps_curve_pair *own, const struct cps_curve_key *peer,
                               const uint8_t *sealed, size_t bytes, void *plain)
{
    static const uint8_t nonce[12];
    uint8_t key[CPS_CURVE_BYTES], tag[CPS_CURVE_SEAL_BYTES];
    int written = 0, rest = 0;
    memcpy(tag, sealed + bytes, sizeof tag);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ready = context && shared_key(own, peer, key) &&
                 EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1;
    bool opened = ready && EVP_DecryptUpdate(context, plain, &written, sealed, (int)bytes) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) == 1 &&
                  EVP_DecryptFinal_ex(context, (uint8_t *)plain + written, &rest) == 1;
    explicit_bzero(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    if (!ready)
        return fail_crypto("open a seal");
    return opened
               ? CPS_OK
               : cps_fail(CPS_ERR_PEER, "the secrets that rank 0 sealed for this rank were altered in transit");
}

/* The key for all exchanges of a run. */
static bool veil_key(const uint8_t *run_key, size_t key_bytes, uint8_t out[CPS_CURVE_BYTES])
{
    static const char purpose[] = "collab-ps exchange";
    uint8_t seed[sizeof purpose + 64];
    if (key_bytes > 64)
        return false;
    memcpy(seed, purpose, sizeof purpose);
    memcpy(seed + sizeof purpose, run_key, key_bytes);
    return EVP_Digest(seed, sizeof purpose + key_bytes, out, NULL, EVP_sha256(), NULL) == 1;
}

enum cps_status cps_curve_veil(const uint8_t *run_key, size_t key_bytes, uint64_t exchange, uint32_t rank,
                               void *data, uint64_t bytes)
{
    enum { PIECE = 1 << 30 }; /* libcrypto counts in int */
    uint8_t key[CPS_CURVE_BYTES], counter[16] = {0};
    int written;
    memcpy(counter, &exchange, 6);
    memcpy(counter + 6, &rank, sizeof rank);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool good = context && veil_key(run_key, key_bytes, key) &&
                EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, key, counter) == 1;
    for (uint64_t done = 0; good && done < bytes; done += PIECE) {
        uint8_t *at = (uint8_t *)data + done;
        int piece = bytes - done < PIECE ? (int)(bytes - done) : PIECE;
        good = EVP_EncryptUpdate(context, at, &written, at, piece) == 1;
    }
    explicit_bzero(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    return good ? CPS_OK : fail_crypto("encrypt");
}

void cps_curve_forget(struct cps_curve_pair *self)
{
    explicit_bzero(&self->secret_key, sizeof self->secret_key);
}
