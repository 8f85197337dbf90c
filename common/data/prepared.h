/*
 * Prepared sets: a set of ratings in a binary form that needs no parsing.
 *
 *     header | names of rows | values of ratings | offset of each user's ratings | reading options and sources
 *            | checksums | ratings, 8 bytes each, by user and within a user in the order of the text
 *
 * A rating is one little-endian word: place << (movie bits + value bits) | movie << value bits | value. The
 * place is the rating's number in the text, which determines the split and the order of training; the movie is
 * its row; the value is an index into the values of the set, or the 32 bits of a float if there are too
 * many. prepared.md describes the layout and the reading of sets larger than memory.
 */
#ifndef CPS_DATA_PREPARED_H
#define CPS_DATA_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/data/dataset.h"
#include "common/data/fingerprint.h"
#include "common/data/rating_list.h"
#include "common/text/source.h"

#define CPS_PREPARED_VERSION 1
/* The size in bytes of a block of ratings with one checksum. */
#define CPS_PREPARED_BLOCK_BYTES ((uint64_t)1 << 20)

/* A source file of a set. */
struct cps_prepared_source {
    char *path; /* absolute */
    uint64_t bytes, mtime_ns;
    char sha256[CPS_SHA256_HEX_BYTES]; /* as hex */
};

/* The contents of a prepared set other than its ratings. */
struct cps_prepared_facts {
    uint64_t rating_count;
    uint64_t first_count; /* ratings of the training file if there are two files; else all */
    float rating_min, rating_max;
    struct cps_fingerprint_reading reading;
    /* The options that the text was read with, for the fingerprint; strings are NULL if not given. */
    const char *user_column, *item_column, *rating_column, *missing;
    bool wide, latin1;
    uint64_t skip_bad, skipped;
    const char *told;    /* the errors of the first skipped lines, or NULL */
    const char *columns; /* the columns used, or NULL */
    struct cps_prepared_source sources[CPS_TEXTS];
    uint32_t source_count;
};

/* Writes a set, replacing the file at path. data holds the vocabularies; list holds rows, in the order of the
 * text. Besides the list it needs half of memory_bytes, but at most half a gigabyte, which is also what 0
 * stands for. CPS_ERR_STORAGE; CPS_ERR_DATA for a set whose ratings do not fit 8 bytes. */
enum cps_status cps_prepared_write(const char *path, const struct cps_prepared_facts *facts,
                                   const struct cps_dataset *data, const struct cps_rating_list *list,
                                   uint64_t memory_bytes);

/* An open set: views into the bytes of its file, which stay mapped. */
struct cps_prepared {
    struct cps_prepared_facts facts;
    struct cps_vocabulary users, movies, movie_ids; /* views: not to be released */
    const uint64_t *user_start; /* [users.rows + 1]: numbers of ratings, in the order of the file */
    const uint64_t *words;      /* [facts.rating_count] */
    const uint32_t *checksums;  /* of the blocks of words */
    const float *values;        /* NULL: a value is a float's bits */
    uint32_t value_count;
    uint32_t movie_bits, value_bits;
    const char *path;
};

/* Whether the file starts like a prepared set. */
bool cps_prepared_is_one(const struct cps_source *bytes);

/* Opens the set in bytes and checks everything but its ratings. CPS_ERR_DATA for a file that is damaged,
 * truncated or of an unknown version. Release with cps_prepared_close(). */
enum cps_status cps_prepared_open(struct cps_prepared *self, const struct cps_source *bytes);
void cps_prepared_close(struct cps_prepared *self);

/* Refuses a set whose source files have changed since, with CPS_ERR_DATA; missing source files are ignored. */
enum cps_status cps_prepared_check_sources(const struct cps_prepared *self);

/* Reads ratings [first, first + count), in the order of the file: rows into *list and places into *places, both
 * freed by the caller. CPS_ERR_DATA if the checksum of a block does not match. */
enum cps_status cps_prepared_read(const struct cps_prepared *self, uint64_t first, uint64_t count,
                                  struct cps_rating_list *list, uint32_t **places);

/* Checks the checksum of block `block` of the ratings, CPS_PREPARED_BLOCK_BYTES of them. CPS_ERR_DATA. */
enum cps_status cps_prepared_check_block(const struct cps_prepared *self, uint64_t block);

/* Fails with CPS_ERR_DATA: a place occurs twice. */
enum cps_status cps_prepared_refuse_places(const struct cps_prepared *self);

/* Advise the system that ratings [first, first + count) will be read next, sequentially, and that they are no
 * longer needed, so that a set larger than memory does not evict other pages. */
void cps_prepared_expect(const struct cps_prepared *self, uint64_t first, uint64_t count);
void cps_prepared_forget(const struct cps_prepared *self, uint64_t first, uint64_t count);

#endif
