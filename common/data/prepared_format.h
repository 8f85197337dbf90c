/* The binary format of a prepared set, private to prepared.c and prepare.c; see prepared.h. Little-endian. */
#ifndef CPS_DATA_PREPARED_FORMAT_H
#define CPS_DATA_PREPARED_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/data/fingerprint.h"

/* The first byte is not text; the last two reveal a transfer that converted line ends. */
#define CPS_PREPARED_MAGIC "\x93PSET1\r\n"
/* The leading bytes of the magic by which a file is recognised as a prepared set, even if damaged. */
#define CPS_PREPARED_KIND_BYTES ((size_t)6)
#define CPS_PREPARED_ALIGN ((uint64_t)64)

enum {
    CPS_SECTION_USER_OFFSETS, /* u64 [user rows + 1] */
    CPS_SECTION_USER_NAMES,
    CPS_SECTION_MOVIE_OFFSETS, /* u64 [movie rows + 1] */
    CPS_SECTION_MOVIE_NAMES,
    CPS_SECTION_ID_OFFSETS, /* with titles: u64 [movie rows + 1]; else empty */
    CPS_SECTION_ID_NAMES,
    CPS_SECTION_VALUES,    /* f32 [values], or empty */
    CPS_SECTION_STARTS,    /* u64 [user rows + 1] */
    CPS_SECTION_READING,   /* texts, each ended by a NUL; see below */
    CPS_SECTION_CHECKSUMS, /* u32, CRC-32C of each block of the ratings */
    CPS_SECTION_RATINGS,   /* u64 [ratings]; its own checksum is 0 */
    CPS_SECTIONS
};

/* Texts of CPS_SECTION_READING; "" for none. */
enum {
    CPS_READING_USER_COLUMN,
    CPS_READING_ITEM_COLUMN,
    CPS_READING_RATING_COLUMN,
    CPS_READING_MISSING,
    CPS_READING_COLUMNS,
    CPS_READING_TOLD,
    CPS_READING_SOURCES /* from here on, the path of each source */
};

struct cps_prepared_section {
    uint64_t offset, bytes;
    uint32_t checksum, reserved;
};

struct cps_prepared_header {
    char magic[8];
    uint32_t version, header_bytes;
    uint64_t file_bytes;
    uint64_t rating_count, first_count, skip_bad, skipped;
    uint32_t user_rows, movie_rows, value_count;
    float rating_min, rating_max;
    uint8_t movie_bits, value_bits, titled, split_given;
    uint8_t wide, latin1, has_missing, source_count;
    uint8_t present[CPS_TEXTS], reserved;
    struct cps_text_digest texts[CPS_TEXTS];
    struct {
        uint64_t bytes, mtime_ns;
        char sha256[72]; /* as hex, ended by a NUL */
    } sources[CPS_TEXTS];
    struct cps_prepared_section sections[CPS_SECTIONS];
    uint32_t reserved_too;
    uint32_t checksum; /* CRC-32C of all bytes before it */
};

#endif
