/* SHA-256: a thin coat over libcrypto, so that no caller sees its types. */
#include "common/base/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>

struct cps_sha256; /* an EVP_MD_CTX under another name */

static EVP_MD_CTX *context_of(struct cps_sha256 *self)
{
    return (EVP_MD_CTX *)self;
}

enum cps_status cps_sha256_create(struct cps_sha256 **out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return cps_fail(CPS_ERR_INTERNAL, "libcrypto offers no SHA-256");
    }
    *out = (struct cps_sha256 *)context;
    return CPS_OK;
}

void cps_sha256_destroy(struct cps_sha256 **self)
{
    EVP_MD_CTX_free(context_of(*self));
    *self = NULL;
}

void cps_sha256_add(struct cps_sha256 *self, const void *bytes, size_t count)
{
    EVP_DigestUpdate(context_of(self), bytes, count);
}

void cps_sha256_finish(struct cps_sha256 *self, uint8_t digest[CPS_SHA256_BYTES])
{
    EVP_DigestFinal_ex(context_of(self), digest, NULL);
}

void cps_sha256_to_hex(const uint8_t digest[CPS_SHA256_BYTES], char hex[CPS_SHA256_HEX_BYTES])
{
    for (int i = 0; i < CPS_SHA256_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
