/* Ratings in the order they were read, stored in columns: 12 bytes each. */
#ifndef CPS_DATA_RATING_LIST_H
#define CPS_DATA_RATING_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* Places of ratings, and so indices of samples, have 32 bits. */
#define CPS_RATINGS_MAX UINT32_MAX

struct cps_spill;

/* All zeroes is a valid empty list. user and item are id numbers, later replaced by rows of the tables. */
struct cps_rating_list {
    uint64_t count;
    size_t capacity;
    uint32_t *user, *item;
    float *rating;
    uint64_t memory_bytes;   /* longer lists move to temporary files; 0: none does */
    struct cps_spill *files; /* of the columns; NULL: they are in memory */
};

/* Makes room for one more rating. */
enum cps_status cps_rating_list_grow(struct cps_rating_list *self);
void cps_rating_list_release(struct cps_rating_list *self);

#endif
