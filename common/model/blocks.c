/* The size of blocks and the places of rows; see blocks.h. */
#include "common/model/blocks.h"

#include "common/base/random.h"

enum { USUAL_RATINGS = 16384, FEWEST_BLOCKS = 16, MOST_USUAL_BLOCKS = 1024 };

uint32_t cps_blocks_usual(uint32_t user_rows, uint32_t movie_rows, uint64_t train_count)
{
    uint32_t fewer = user_rows < movie_rows ? user_rows : movie_rows;
    uint32_t more = user_rows < movie_rows ? movie_rows : user_rows;
    uint32_t count = FEWEST_BLOCKS;
    while (count < MOST_USUAL_BLOCKS && 2 * (uint64_t)count * count * USUAL_RATINGS < train_count)
        count *= 2;
    while (count < CPS_BLOCKS_MOST && ((uint64_t)more + count - 1) / count > CPS_BLOCK_MOST_ROWS)
        count *= 2;
    return count < fewer ? count : fewer;
}

bool cps_blocks_fit(uint32_t count, uint32_t user_rows, uint32_t movie_rows)
{
    uint64_t largest = (uint64_t)count * CPS_BLOCK_MOST_ROWS;
    return count >= 1 && count <= CPS_BLOCKS_MOST && count <= user_rows && count <= movie_rows &&
           user_rows <= largest && movie_rows <= largest;
}

void cps_blocks_init(struct cps_blocks *self, const struct cps_plan *plan)
{
    *self = (struct cps_blocks){.count = plan->blocks, .workers = plan->workers};
    self->tables[CPS_TABLE_USERS].rows = plan->user_rows;
    self->tables[CPS_TABLE_MOVIES].rows = plan->movie_rows;
    cps_permutation_init(&self->tables[CPS_TABLE_USERS].places, plan->seed, CPS_RANDOM_BLOCKS, 0,
                         plan->user_rows);
    cps_permutation_init(&self->tables[CPS_TABLE_MOVIES].places, plan->seed, CPS_RANDOM_BLOCKS, 1,
                         plan->movie_rows);
}
