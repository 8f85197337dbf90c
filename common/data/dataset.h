/*
 * The ratings of a run as held by one rank.
 *
 *   ratings file(s) + titles -> external ids -> vocabularies -> rows
 *                            -> split        -> this shard's samples
 *
 * Each rank of a job reads a part of the file (load.h) and sends its ratings to the ranks that train
 * on them: by default shard (hash of the external user id) mod shards. Vocabularies, counts, fingerprint and
 * the index of every sample are the same on every rank.
 */
#ifndef CPS_DATA_DATASET_H
#define CPS_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/text.h"

/* A progress callback, called every CPS_READING_EVERY ratings with the number that this rank has read. */
struct cps_reading {
    void *context;
    /* An error stops the reading and is returned by it. NULL: no progress reports. */
    enum cps_status (*on_ratings)(void *context, uint64_t ratings);
};

#define CPS_READING_EVERY 65536

/* The data to read; strings are borrowed until the call returns, and NULL if not given. */
struct cps_dataset_request {
    const char *path;       /* folder in a MovieLens layout (see movielens.h), or one ratings file */
    const char *train_path; /* with valid_path: an explicit split, path unused */
    const char *valid_path;
    enum cps_item_key item_key;
    const char *user_column; /* header name or 1-based position; NULL to detect it */
    const char *item_column;
    const char *rating_column;
    bool wide;            /* a line per user and a column per item, see wide.h; not for folders */
    const char *missing;  /* in a wide file, the value that means no rating, besides an empty cell */
    bool latin1;          /* read text that is not UTF-8 as ISO 8859-1 */
    uint64_t skip_bad;    /* number of malformed lines that may be skipped; see skip.h */
    bool synthetic;       /* the built-in set of MovieLens-100k's shape instead of any file */
    uint32_t fold, folds; /* 1 <= fold <= folds: validate on that part of the ratings; 0 of 0: draw valid_pct */
    double valid_pct;     /* 0 <= valid_pct < 1, the share drawn for validation */
    uint64_t seed;        /* of the split */
    uint32_t shard, shards;
    bool keep_samples; /* false: counts, vocabularies and fingerprint only */
    /* Leave the ratings of a prepared set in its file (stored.h) unless rows of --init replace its rows;
     * ignored for texts. */
    bool keep_stored;
    /* The numbers of rows in the tables of --init, 0 without it. If the vocabulary of a column has
     * another number of rows and all its ids are integers below the given number, the ids are taken as row
     * numbers of a table of that size. This allows initial models with rows that have no ratings.
     * Not for titles. */
    uint32_t user_rows, movie_rows;
    /* How much memory cps_dataset_load_and_prepare() uses for ratings; those that exceed it lie in temporary
     * files (spill.h). 0: no limit. */
    uint64_t memory_bytes;
    struct cps_reading reading;
};

/* Row 0 is '#na#'; rows 1..rows-1 are the distinct external ids in order: by value if
 * all ids of the column are integers; else, and for titles always, by code point. An
 * integer is the digits of a 64-bit number without leading zeros. Only ids with
 * training or validation ratings are included. */
struct cps_vocabulary {
    uint32_t rows;
    const char *text;        /* all names, UTF-8, back to back */
    const uint64_t *offsets; /* rows + 1; name r is text[offsets[r] .. offsets[r+1]) */
};

/* Samples of this shard, as columns. */
struct cps_samples {
    uint64_t count;
    uint32_t *user;  /* row of the user table */
    uint32_t *movie; /* row of the movie table */
    float *rating;
    uint32_t *index; /* 0-based global number of a training sample, 0 <= index < train_count;
                        NULL for validation samples */
};

/* The length and digest of one text. */
struct cps_text_digest {
    uint64_t bytes;
    uint8_t sha256[CPS_SHA256_BYTES];
};

enum { CPS_TEXT_TITLES, CPS_TEXT_RATINGS, CPS_TEXT_VALID, CPS_TEXTS };

struct cps_stored;

struct cps_dataset {
    /* The same on every rank. */
    uint64_t rating_count, train_count, valid_count;
    float rating_min, rating_max;
    struct cps_vocabulary users, movies;   /* movies: titles or ids, as the item key says */
    bool titled;                           /* the item key is the title */
    struct cps_vocabulary movie_ids;       /* with titles: the ids of each row; else empty */
    uint8_t fingerprint[CPS_SHA256_BYTES]; /* see fingerprint.h */
    char description[512];                 /* its origin, for the banner */
    char columns[320];                     /* the columns used; "" for a known layout */
    struct cps_text_digest texts[CPS_TEXTS];
    bool is_text[CPS_TEXTS]; /* the file is that text as it is, so that its digest is the text's */
    struct cps_text notes;                 /* remarks on the data, one per line; see notes.h */
    /* This shard's. */
    struct cps_samples train, valid;
    uint64_t sample_bytes; /* memory held by the samples of this shard */
    /* For request.keep_stored: where the samples are instead of in train and valid, which have only counts.
     * Owned by the set that has no samples itself, borrowed by the shards. */
    struct cps_stored *stored;
    bool owns_stored;
    uint32_t shard;
};

void cps_dataset_release(struct cps_dataset *self);

/* The name of row in self, as pointer and length in bytes; not NUL-terminated. */
const char *cps_vocabulary_name(const struct cps_vocabulary *self, uint32_t row, uint64_t *length);

/* The columns of movies.tsv for a row: the external id, or all ids that share its title, ascending
 * and separated by '|'; and the title, "" if items are keyed by id. Returned like cps_vocabulary_name. */
const char *cps_dataset_movie_ids(const struct cps_dataset *self, uint32_t row, uint64_t *length);
const char *cps_dataset_movie_title(const struct cps_dataset *self, uint32_t row, uint64_t *length);

#endif
