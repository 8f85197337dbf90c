/* SHA-256: a thin coat over libcrypto, so that no caller sees its types. */
#include "common/base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"

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

enum { PIECE_BYTES = 1 << 18 }; /* stays in a core's cache between reading and hashing */

static enum cps_status add_file(struct cps_sha256 *self, int fd, const char *path, enum cps_status fail_as,
                                uint64_t *bytes)
{
    char *piece;
    ssize_t count;
    CPS_TRY(cps_alloc("a piece of a file", PIECE_BYTES, 1, &piece));
    *bytes = 0;
    while ((count = read(fd, piece, PIECE_BYTES)) > 0 || (count < 0 && errno == EINTR)) {
        if (count < 0)
            continue;
        cps_sha256_add(self, piece, (size_t)count);
        *bytes += (uint64_t)count;
    }
    free(piece);
    return count == 0 ? CPS_OK : cps_fail(fail_as, "cannot read '%s': %s", path, strerror(errno));
}

enum cps_status cps_sha256_file(const char *path, enum cps_status fail_as, uint64_t *bytes,
                                char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_sha256 *state = NULL;
    uint8_t digest[CPS_SHA256_BYTES];
    int fd = -1;
    size_t size = 0;
    CPS_TRY(cps_file_open(path, fail_as, &fd, &size));
    enum cps_status status = cps_sha256_create(&state);
    if (status == CPS_OK) {
        status = add_file(state, fd, path, fail_as, bytes);
        cps_sha256_finish(state, digest);
        cps_sha256_destroy(&state);
    }
    close(fd);
    if (status == CPS_OK)
        cps_sha256_to_hex(digest, hex);
    return status;
}
