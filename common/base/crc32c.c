/*
 * CRC-32C by the processor's instruction where there is one, else eight bytes at a time by tables: table k
 * holds the effect of a byte on the sum k bytes later. (M. Kounavis and F. Berry, A Systematic Approach to
 * Building High Performance Software-based CRC Generators, ISCC 2005: "slicing by 8".)
 */
#include "common/base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[8][256];

static void fill_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? POLYNOMIAL : 0);
        table[0][byte] = sum;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[k][byte] = table[k - 1][byte] >> 8 ^ table[0][table[k - 1][byte] & 0xff];
}

static uint32_t sum_by_tables(const uint8_t *next, size_t count, uint32_t sum)
{
    static bool filled;
    if (!filled) {
        fill_tables();
        filled = true;
    }
    for (; count >= 8; count -= 8, next += 8) {
        uint32_t low, high;
        memcpy(&low, next, sizeof low);
        memcpy(&high, next + 4, sizeof high);
        low ^= sum;
        sum = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
              table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^
              table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
    }
    for (; count > 0; count--)
        sum = sum >> 8 ^ table[0][(sum ^ *next++) & 0xff];
    return sum;
}

#if defined(__x86_64__)
/* The processor's instruction: eight bytes in three cycles. */
__attribute__((target("sse4.2"))) static uint32_t sum_by_instruction(const uint8_t *next, size_t count,
                                                                     uint32_t sum)
{
    uint64_t wide = sum;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    sum = (uint32_t)wide;
    for (; count > 0; count--)
        sum = __builtin_ia32_crc32qi(sum, *next++);
    return sum;
}
#endif

uint32_t cps_crc32c(const void *bytes, size_t count)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        return ~sum_by_instruction(bytes, count, UINT32_MAX);
#endif
    return ~sum_by_tables(bytes, count, UINT32_MAX);
}

uint32_t cps_crc32c_portable(const void *bytes, size_t count)
{
    return ~sum_by_tables(bytes, count, UINT32_MAX);
}
