/*
 * The fingerprint of a set: SHA-256 over the options it is read and split with and the SHA-256 of each source
 * text. A prepared set stores the latter, and so has the same fingerprint as its texts.
 */
#ifndef CPS_DATA_FINGERPRINT_H
#define CPS_DATA_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/data/dataset.h"

/* Version 1 hashed the texts themselves. */
#define CPS_FINGERPRINT_VERSION 2

/* The options that texts were read with, except the split. */
struct cps_fingerprint_reading {
    bool titled, split_given;
    bool present[CPS_TEXTS];
    bool hashed; /* false: the digests hold only the lengths */
    struct cps_text_digest text[CPS_TEXTS];
    /* The given row counts if they were used, else 0; see cps_dataset_request. */
    uint32_t user_rows, movie_rows;
};

struct cps_synth_spec;

/* Computes the digest of text[0..bytes). */
enum cps_status cps_text_digest_of(const char *text, uint64_t bytes, struct cps_text_digest *out);

/* Computes the fingerprint of the set that request describes. synth is the synthetic set used instead of texts,
 * or NULL. */
enum cps_status cps_fingerprint(const struct cps_dataset_request *request,
                                const struct cps_fingerprint_reading *reading,
                                const struct cps_synth_spec *synth, uint8_t out[CPS_SHA256_BYTES]);

#endif
