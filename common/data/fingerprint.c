/* See fingerprint.h; computed by build.c when everything has been read. */
#include "common/data/fingerprint.h"

#include <string.h>

#include "common/data/ids.h"
#include "common/synth/synth.h"

static void add_text(struct cps_sha256 *digest, const char *what, const char *value)
{
    cps_sha256_add(digest, what, strlen(what));
    cps_sha256_add(digest, "=", 1);
    value = value ? value : "";
    cps_sha256_add(digest, value, strlen(value) + 1);
}

static void add_number(struct cps_sha256 *digest, const char *what, uint64_t value)
{
    char digits[CPS_ID_INTEGER_BYTES + 1];
    digits[cps_id_from_integer(value, digits)] = '\0';
    add_text(digest, what, digits);
}

/* Adds the reading options that older versions lacked, unless they have their defaults. */
static void add_reading(struct cps_sha256 *digest, const struct cps_dataset_request *request)
{
    if (request->wide)
        add_text(digest, "missing", request->missing);
    if (request->latin1)
        add_text(digest, "encoding", "latin1");
    if (request->skip_bad)
        add_number(digest, "skip bad", request->skip_bad);
}

static void add_request(struct cps_sha256 *digest, const struct cps_dataset_request *request,
                        const struct cps_fingerprint_reading *reading)
{
    add_text(digest, "item key", reading->titled ? "title" : "id");
    add_text(digest, "user column", request->user_column);
    add_text(digest, "item column", request->item_column);
    add_text(digest, "rating column", request->rating_column);
    add_reading(digest, request);
    if (reading->split_given)
        return;
    add_number(digest, "split seed", request->seed);
    if (request->folds) {
        add_number(digest, "fold", request->fold);
        add_number(digest, "folds", request->folds);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &request->valid_pct, sizeof bits);
    add_number(digest, "valid pct bits", bits);
}

static void add_texts(struct cps_sha256 *digest, const struct cps_fingerprint_reading *reading)
{
    static const char *const names[CPS_TEXTS] = {"titles", "ratings", "valid"};
    for (int i = 0; i < CPS_TEXTS; i++)
        if (reading->present[i]) {
            add_number(digest, names[i], reading->text[i].bytes);
            cps_sha256_add(digest, reading->text[i].sha256, CPS_SHA256_BYTES);
        }
}

static void add_synth(struct cps_sha256 *digest, const struct cps_synth_spec *spec)
{
    add_number(digest, "synthetic users", spec->users);
    add_number(digest, "movies", spec->movies);
    add_number(digest, "ratings", spec->ratings);
    add_number(digest, "seed", spec->seed);
}

enum cps_status cps_text_digest_of(const char *text, uint64_t bytes, struct cps_text_digest *out)
{
    struct cps_sha256 *digest;
    CPS_TRY(cps_sha256_create(&digest));
    cps_sha256_add(digest, text, bytes);
    cps_sha256_finish(digest, out->sha256);
    cps_sha256_destroy(&digest);
    out->bytes = bytes;
    return CPS_OK;
}

enum cps_status cps_fingerprint(const struct cps_dataset_request *request,
                                const struct cps_fingerprint_reading *reading,
                                const struct cps_synth_spec *synth, uint8_t out[CPS_SHA256_BYTES])
{
    struct cps_sha256 *digest;
    CPS_TRY(cps_sha256_create(&digest));
    add_number(digest, "collab-ps data", synth ? 1 : CPS_FINGERPRINT_VERSION);
    add_request(digest, request, reading);
    if (synth)
        add_synth(digest, synth);
    else
        add_texts(digest, reading);
    if (reading->user_rows)
        add_number(digest, "user rows", reading->user_rows);
    if (reading->movie_rows)
        add_number(digest, "movie rows", reading->movie_rows);
    cps_sha256_finish(digest, out);
    cps_sha256_destroy(&digest);
    return CPS_OK;
}
