/*
 * The ratings of a run as one rank sees them.
 *
 *   ratings file(s) + titles -> external ids -> vocabularies -> rows
 *                            -> split        -> this shard's samples
 *
 * The ranks of a job read a file together, each a part of it (load.h), and pass the ratings on
 * to the ranks that train them: by default shard (hash of the external user id) mod shards.
 * Nothing else depends on the shard: vocabularies, counts and fingerprint are the
 * same on every rank, and so is every sample's index.
 */
#ifndef CPS_DATA_DATASET_H
#define CPS_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/text.h"

/* Is told how far reading has come: every CPS_READING_EVERY ratings, with how many this rank has read. */
struct cps_reading {
    void *context;
    /* An error ends the reading with it. NULL: nobody wants to know. */
    enum cps_status (*on_ratings)(void *context, uint64_t ratings);
};

#define CPS_READING_EVERY 65536

/* What to read, borrowed until the call returns. NULL where not given. */
struct cps_dataset_request {
    const char *path;       /* folder in a MovieLens layout (see movielens.h), or one ratings file */
    const char *train_path; /* with valid_path: an explicit split, path unused */
    const char *valid_path;
    enum cps_item_key item_key;
    const char *user_column; /* header name or 1-based position; NULL finds it */
    const char *item_column;
    const char *rating_column;
    bool wide;            /* a line per user and a column per item, see wide.h; not of a folder */
    const char *missing;  /* of a wide file: what stands for no rating beside an empty cell */
    bool latin1;          /* text that is not UTF-8 is ISO 8859-1 */
    uint64_t skip_bad;    /* lines that may be left out because they cannot be read; see skip.h */
    bool synthetic;       /* the built-in set of MovieLens-100k's shape instead of any file */
    uint32_t fold, folds; /* 1 <= fold <= folds: validate on that part of the ratings; 0 of 0: draw valid_pct */
    double valid_pct;     /* 0 <= valid_pct < 1, the share drawn for validation */
    uint64_t seed;        /* of the split */
    uint32_t shard, shards;
    bool keep_samples; /* false: counts, vocabularies and fingerprint only */
    /* Rows of the tables that training starts from, 0 where it starts from none. When the
     * vocabulary of a column has another number of rows and all its ids are integers
     * below this one, the ids are taken for row numbers of a table of so many rows. It
     * lets a start load whose vocabulary has rows without ratings. Not for titles. */
    uint32_t user_rows, movie_rows;
    struct cps_reading reading;
};

/* Row 0 is '#na#'; rows 1..rows-1 are the distinct external ids in order: by value where
 * all ids of the column are integers, else, and for titles always, by code point. An
 * integer is the digits of a 64-bit number without leading zeros. Only ids that have
 * ratings are in it, training and validation together. */
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

struct cps_dataset {
    /* The same on every rank. */
    uint64_t rating_count, train_count, valid_count;
    float rating_min, rating_max;
    struct cps_vocabulary users, movies;   /* movies: titles or ids, as the item key says */
    bool titled;                           /* the item key is the title */
    struct cps_vocabulary movie_ids;       /* with titles: the ids of each row; else empty */
    uint8_t fingerprint[CPS_SHA256_BYTES]; /* of the bytes read and the request's meaning */
    char description[512];                 /* where it came from, for the banner */
    char columns[320];                     /* which columns were taken; "" for a known layout */
    struct cps_text notes;                 /* what to know of it, a line each; see notes.h */
    /* This shard's. */
    struct cps_samples train, valid;
    uint64_t sample_bytes; /* memory held by the samples of this shard */
};

void cps_dataset_release(struct cps_dataset *self);

/* The name of row in self, as pointer and length in bytes; not NUL-terminated. */
const char *cps_vocabulary_name(const struct cps_vocabulary *self, uint32_t row, uint64_t *length);

/* What movies.tsv says of a row: the external id, or all that share its title, ascending
 * with '|' between them; and the title, "" where items are keyed by id. As name. */
const char *cps_dataset_movie_ids(const struct cps_dataset *self, uint32_t row, uint64_t *length);
const char *cps_dataset_movie_title(const struct cps_dataset *self, uint32_t row, uint64_t *length);

#endif
