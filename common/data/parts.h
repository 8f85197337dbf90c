/*
 * A set read by several ranks, each a part of the file, and the merging of their results.
 *
 * Parts begin at line starts. If a quoted field spans lines, a part may begin inside it; the rank that reads
 * the field's first line notices, and rank 0 alone then reads the whole file again. It does the same for files
 * with more malformed lines than allowed, so that the error is that of a single reader.
 */
#ifndef CPS_DATA_PARTS_H
#define CPS_DATA_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/data/fingerprint.h"
#include "common/data/intake.h"
#include "common/data/peers.h"
#include "common/data/rating_list.h"

/* The part that this rank read, and its position in the whole. */
struct cps_part {
    struct cps_intake intake;
    struct cps_rating_list list; /* ratings of the training (or only) file, then those of the validation file */
    uint64_t first_count;        /* the number of the former */
    bool spans_lines;            /* a record spans several lines */
    /* Set by cps_part_join: */
    uint64_t first_place, second_place; /* places of this part's first rating in either file */
    uint64_t first_total, second_total; /* numbers of ratings in either file, over all ranks */
    uint32_t *user_number,
        *item_number;                /* the merged number of each id of the part; NULL for a single process */
    uint32_t *places;                /* places of the ratings if they are not consecutive; else NULL */
    uint32_t user_count, item_count; /* lengths of user_number and item_number */
};

/* Merges the parts: sets places and totals; intake gets the users, items, rating range and skipped lines of all
 * ranks. status is the result of reading this part; *again is set if rank 0 must read the whole file alone.
 * digests become those of rank 0; CPS_ERR_DATA if the texts of a rank differ from them in length or, where it
 * hashed them, in digest. Collective; all ranks return the same. peers is NULL for a single process. */
enum cps_status cps_part_join(struct cps_part *self, const struct cps_peers *peers, enum cps_status status,
                              bool may_read_again, struct cps_fingerprint_reading *digests, bool *again);

/* Moves the places of the ratings in list to *out, which the caller frees. */
enum cps_status cps_part_places(struct cps_part *self, uint32_t **out);

void cps_part_release(struct cps_part *self);

#endif
