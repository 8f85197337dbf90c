/*
 * SHA-256: a thin wrapper of libcrypto that hides its types.
 *
 * When libcrypto runs out of memory, it may report another error, such as a missing algorithm. A wrapper
 * around its allocator therefore notes failed allocations, and the algorithm is looked up once, before the
 * first use.
 */
#include "common/base/sha256.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"

struct cps_sha256; /* an EVP_MD_CTX under another name */

static EVP_MD *algorithm; /* for the life of the process */
static atomic_bool short_of_memory;

static void *allocate(size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    void *memory = bytes ? malloc(bytes) : NULL;
    if (bytes && !memory)
        short_of_memory = true;
    return memory;
}

static void *reallocate(void *memory, size_t bytes, const char *file, int line)
{
    (void)file, (void)line;
    void *moved = bytes ? realloc(memory, bytes) : (free(memory), NULL);
    if (bytes && !moved)
        short_of_memory = true;
    return moved;
}

static void release(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

/* This succeeds only before the process first uses libcrypto. */
__attribute__((constructor)) static void watch_memory(void)
{
    CRYPTO_set_mem_functions(allocate, reallocate, release);
}

/* No configuration is read: none of it affects a hash. The library's default context is not used: when
 * allocating it fails, libcrypto 3.0 dereferences a null pointer. */
static void look_up(void)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1 || short_of_memory)
        return;
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    if (own && !short_of_memory)
        algorithm = EVP_MD_fetch(own, "SHA256", NULL);
}

bool cps_libcrypto_is_short(void)
{
    return short_of_memory;
}

static enum cps_status refused(void)
{
    return short_of_memory ? cps_fail_memory("SHA-256 of libcrypto", 0)
                           : cps_fail(CPS_ERR_INTERNAL, "libcrypto offers no SHA-256");
}

static EVP_MD_CTX *context_of(struct cps_sha256 *self)
{
    return (EVP_MD_CTX *)self;
}

enum cps_status cps_sha256_create(struct cps_sha256 **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, look_up);
    EVP_MD_CTX *context = algorithm ? EVP_MD_CTX_new() : NULL;
    if (!context || EVP_DigestInit_ex(context, algorithm, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return refused();
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
