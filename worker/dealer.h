/*
 * Sorts the ratings of one user block at a time, straight from a prepared set, into the order of order.h.
 *
 *     words of the block's users, by place  -->  | (i, 0) | (i, 1) | … | (i, G-1) | validation: (i, 0) | … |
 *
 * Since a set's ratings are by user, and the users of a block are known, a block needs no pass over the others.
 * So training begins when the first few blocks are sorted.
 */
#ifndef CPS_WORKER_DEALER_H
#define CPS_WORKER_DEALER_H

#include "common/data/stored.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

/* The position of a movie: its block and its place within the block. */
struct cps_movie_place {
    uint16_t block, within;
};

/* Memory that is used again from block to block; all zeroes at first. */
struct cps_dealer_scratch {
    struct cps_block_rating *ratings; /* decoded */
    uint16_t *pile_of;                /* of each */
    size_t rating_capacity, pile_capacity;
};

void cps_dealer_scratch_release(struct cps_dealer_scratch *self);

struct cps_dealer {
    const struct cps_stored *stored;
    struct cps_blocks blocks;
    struct cps_movie_place *movies; /* [movie rows] */
};

enum cps_status cps_dealer_init(struct cps_dealer *self, const struct cps_stored *stored,
                                const struct cps_blocks *blocks);
void cps_dealer_release(struct cps_dealer *self);

/* The number of ratings of a user block, validation included. */
uint64_t cps_dealer_count(const struct cps_dealer *self, uint32_t block);

/* Sorts the ratings of a user block into out[cps_dealer_count()]. train[G + 1] and valid[G + 1] become the
 * first rating of each movie block. words holds the words of the block's users in the order of the file, or is
 * NULL: they are read from the set. Called on any thread, with a scratch of its own. CPS_ERR_DATA for a set
 * that was changed since it was checked. */
enum cps_status cps_dealer_deal(const struct cps_dealer *self, uint32_t block, const uint64_t *words,
                                struct cps_dealer_scratch *scratch, struct cps_block_rating *out,
                                uint64_t *train, uint64_t *valid);

#endif
