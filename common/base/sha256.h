/* SHA-256 (FIPS 180-4) of a stream, by libcrypto. */
#ifndef CPS_BASE_SHA256_H
#define CPS_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define CPS_SHA256_BYTES 32
#define CPS_SHA256_HEX_BYTES 65 /* 64 hex digits and the NUL */

struct cps_sha256; /* opaque */

enum cps_status cps_sha256_create(struct cps_sha256 **out);
void cps_sha256_destroy(struct cps_sha256 **self);
void cps_sha256_add(struct cps_sha256 *self, const void *bytes, size_t count);

/* The digest of all bytes added; afterwards the object may only be destroyed. */
void cps_sha256_finish(struct cps_sha256 *self, uint8_t digest[CPS_SHA256_BYTES]);

/* The length in bytes and the digest, as hex, of the file at path. The file is read in pieces and may be larger
 * than memory. Any error has status fail_as; a file that is not a regular one is an error. */
enum cps_status cps_sha256_file(const char *path, enum cps_status fail_as, uint64_t *bytes,
                                char hex[CPS_SHA256_HEX_BYTES]);

/* Whether an allocation by libcrypto has failed since the first hash; libcrypto may report it as another error.
 */
bool cps_libcrypto_is_short(void);

/* Writes digest as lower-case hex. */
void cps_sha256_to_hex(const uint8_t digest[CPS_SHA256_BYTES], char hex[CPS_SHA256_HEX_BYTES]);

#endif
