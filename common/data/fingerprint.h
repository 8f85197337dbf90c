/*
 * The fingerprint of a set: SHA-256 of how it is read and split, and of the SHA-256 of each text it is read
 * from. A prepared set keeps the latter, and so has the fingerprint of its text.
 */
#ifndef CPS_DATA_FINGERPRINT_H
#define CPS_DATA_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/data/dataset.h"

/* 1 had the texts themselves in it. */
#define CPS_FINGERPRINT_VERSION 2

/* One text. */
struct cps_text_digest {
    uint64_t bytes;
    uint8_t sha256[CPS_SHA256_BYTES];
};

enum { CPS_TEXT_TITLES, CPS_TEXT_RATINGS, CPS_TEXT_VALID, CPS_TEXTS };

/* How texts were read; the split is not part of it. */
struct cps_fingerprint_reading {
    bool titled, split_given;
    bool present[CPS_TEXTS];
    bool hashed; /* the digests have more than the lengths */
    struct cps_text_digest text[CPS_TEXTS];
    /* The given rows that were taken, 0 where none were; see cps_dataset_request. */
    uint32_t user_rows, movie_rows;
};

struct cps_synth_spec;

/* Of text[0..bytes). */
enum cps_status cps_text_digest_of(const char *text, uint64_t bytes, struct cps_text_digest *out);

/* The fingerprint of what request asks for. synth is the synthetic set that takes the place of texts, or
 * NULL. */
enum cps_status cps_fingerprint(const struct cps_dataset_request *request,
                                const struct cps_fingerprint_reading *reading,
                                const struct cps_synth_spec *synth, uint8_t out[CPS_SHA256_BYTES]);

#endif
