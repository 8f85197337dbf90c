/* CRC-32C (Castagnoli; RFC 3720, appendix B.4): the checksum of TensorBoard's records and of prepared sets. */
#ifndef CPS_BASE_CRC32C_H
#define CPS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC-32C of count bytes; 0xe3069283 for "123456789". */
uint32_t cps_crc32c(const void *bytes, size_t count);

/* cps_crc32c() without the processor's instruction. */
uint32_t cps_crc32c_portable(const void *bytes, size_t count);

#endif
