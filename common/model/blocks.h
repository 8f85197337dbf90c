/*
 * The blocks of the block solver: the assignment of rows to blocks and of blocks to workers.
 *
 *     row of a table -> place (a keyed permutation) -> block = place·G / rows
 *
 * Users and movies are each divided into G blocks, so that the ratings fall into G x G blocks. Sub-epoch s
 * trains the blocks (i, (i + s) mod G), no two of which share a row. The assignment follows from the plan
 * alone: which rank or thread trains a block changes no bit. Each worker owns a contiguous range of user
 * blocks.
 */
#ifndef CPS_MODEL_BLOCKS_H
#define CPS_MODEL_BLOCKS_H

#include "common/base/permutation.h"
#include "common/model/plan.h"

enum cps_table_kind { CPS_TABLE_USERS, CPS_TABLE_MOVIES, CPS_TABLES };

/* Row numbers within a block have 16 bits. */
#define CPS_BLOCK_MOST_ROWS 65536u
#define CPS_BLOCKS_MOST 4096u

struct cps_blocks {
    uint32_t count; /* G */
    uint32_t workers;
    struct {
        uint32_t rows;
        struct cps_permutation places;
    } tables[CPS_TABLES];
};

/* The default G for these numbers of rows and training ratings: blocks of about 16,000 ratings, which a thread
 * trains in under a millisecond, and at least 16 blocks per sub-epoch. Independent of ranks and threads. */
uint32_t cps_blocks_usual(uint32_t user_rows, uint32_t movie_rows, uint64_t train_count);

/* Whether G = count suits the tables: no block is empty or too large. */
bool cps_blocks_fit(uint32_t count, uint32_t user_rows, uint32_t movie_rows);

/* Sets up the blocks of a plan whose solver is block. */
void cps_blocks_init(struct cps_blocks *self, const struct cps_plan *plan);

/* The place of row in its table. */
static inline uint32_t cps_blocks_place(const struct cps_blocks *self, enum cps_table_kind table, uint32_t row)
{
    return (uint32_t)cps_permutation_forward(&self->tables[table].places, row);
}

/* The row at a place. */
static inline uint32_t cps_blocks_row(const struct cps_blocks *self, enum cps_table_kind table, uint32_t place)
{
    return (uint32_t)cps_permutation_inverse(&self->tables[table].places, place);
}

/* The first place of a block; for block G the number of rows. */
static inline uint32_t cps_blocks_first(const struct cps_blocks *self, enum cps_table_kind table,
                                        uint32_t block)
{
    return (uint32_t)(((uint64_t)block * self->tables[table].rows + self->count - 1) / self->count);
}

static inline uint32_t cps_blocks_rows(const struct cps_blocks *self, enum cps_table_kind table, uint32_t block)
{
    return cps_blocks_first(self, table, block + 1) - cps_blocks_first(self, table, block);
}

/* The block of a place. */
static inline uint32_t cps_blocks_of(const struct cps_blocks *self, enum cps_table_kind table, uint32_t place)
{
    return (uint32_t)((uint64_t)place * self->count / self->tables[table].rows);
}

/* The movie block paired with a user block in sub-epoch step, counted over the whole run. */
static inline uint32_t cps_blocks_movie(const struct cps_blocks *self, uint32_t user_block, uint64_t step)
{
    return (uint32_t)((user_block + step) % self->count);
}

/* The user block paired with a movie block in sub-epoch step. */
static inline uint32_t cps_blocks_user(const struct cps_blocks *self, uint32_t movie_block, uint64_t step)
{
    return (movie_block + self->count - (uint32_t)(step % self->count)) % self->count;
}

/* The worker that owns a user block. */
static inline uint32_t cps_blocks_worker(const struct cps_blocks *self, uint32_t user_block)
{
    return (uint32_t)((uint64_t)user_block * self->workers / self->count);
}

/* The worker that owns a row of the user table. */
static inline uint32_t cps_blocks_worker_of(const struct cps_blocks *self, uint32_t user_row)
{
    uint32_t place = cps_blocks_place(self, CPS_TABLE_USERS, user_row);
    return cps_blocks_worker(self, cps_blocks_of(self, CPS_TABLE_USERS, place));
}

/* The first user block of a worker; G for worker `workers`. */
static inline uint32_t cps_blocks_first_of(const struct cps_blocks *self, uint32_t worker)
{
    return (uint32_t)(((uint64_t)worker * self->count + self->workers - 1) / self->workers);
}

#endif
