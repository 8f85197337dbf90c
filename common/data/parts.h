/*
 * A set read by several ranks, each its part of the file; what each found is put together here.
 *
 * Parts begin at lines. That is right unless a field in quotes runs over lines: then a part may begin inside
 * one. The rank that reads the field's first line notices, and the file is read again by rank 0 alone, as are
 * files with more bad lines than are allowed: their error is then that of a single reader.
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

/* What this rank read, and where it belongs. */
struct cps_part {
    struct cps_intake intake;
    struct cps_rating_list list; /* of the training file, or the only one; behind them of the validation file */
    uint64_t first_count;        /* of the former */
    bool spans_lines;            /* a record took several lines */
    /* Once put together: */
    uint64_t first_place, second_place;  /* places of the first rating of either file here */
    uint64_t first_total, second_total;  /* ratings of all ranks */
    uint32_t *user_number, *item_number; /* of each id of the part, in the numbering of the whole; NULL alone */
    uint32_t *places;                    /* of the ratings, where they are not in order; else NULL */
    uint32_t user_count, item_count;     /* of those ids */
};

/* Puts the parts together: places and totals; the users and items of all in intake, whose smallest and largest
 * rating and skipped lines become those of all. status is what reading this part came to; *again says that
 * the file must be read by rank 0 alone. digests become those of rank 0; a rank whose texts differ in length
 * or, where it hashed them, in their digest is CPS_ERR_DATA. Collective; all ranks return the same. peers
 * NULL: alone. */
enum cps_status cps_part_join(struct cps_part *self, const struct cps_peers *peers, enum cps_status status,
                              bool may_read_again, struct cps_fingerprint_reading *digests, bool *again);

/* The places of the ratings in list, which self gives away. *out is the caller's to free. */
enum cps_status cps_part_places(struct cps_part *self, uint32_t **out);

void cps_part_release(struct cps_part *self);

#endif
