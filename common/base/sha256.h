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

/* The digest of all that was added; the object may only be destroyed afterwards. */
void cps_sha256_finish(struct cps_sha256 *self, uint8_t digest[CPS_SHA256_BYTES]);

/* The digest, as hex, of all of the file at path, and how long it is. Read in pieces, so that a file larger
 * than memory will do. fail_as is the status of any error; what is no regular file is one. */
enum cps_status cps_sha256_file(const char *path, enum cps_status fail_as, uint64_t *bytes,
                                char hex[CPS_SHA256_HEX_BYTES]);

/* Whether libcrypto was refused memory since the first hash: it reports that as anything. */
bool cps_libcrypto_is_short(void);

/* digest as lower-case hex. */
void cps_sha256_to_hex(const uint8_t digest[CPS_SHA256_BYTES], char hex[CPS_SHA256_HEX_BYTES]);

#endif
