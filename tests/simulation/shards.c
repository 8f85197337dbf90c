/* Random ratings; see shards.h. */
#include "tests/simulation/shards.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/base/random.h"

static enum cps_status make_samples(uint32_t count, struct cps_samples *samples)
{
    CPS_TRY(cps_alloc("users", count, sizeof *samples->user, &samples->user));
    CPS_TRY(cps_alloc("movies", count, sizeof *samples->movie, &samples->movie));
    CPS_TRY(cps_alloc("ratings", count, sizeof *samples->rating, &samples->rating));
    return cps_alloc("indices", count, sizeof *samples->index, &samples->index);
}

enum cps_status cps_make_shards(const struct cps_simulated_set *set, uint32_t workers,
                                struct cps_dataset *shards)
{
    uint32_t ratings = set->train + set->valid;
    for (uint32_t w = 0; w < workers; w++) {
        struct cps_dataset *shard = &shards[w];
        *shard =
            (struct cps_dataset){.rating_count = ratings, .train_count = set->train, .valid_count = set->valid};
        CPS_TRY(make_samples(ratings, &shard->train));
        CPS_TRY(make_samples(ratings, &shard->valid));
    }
    for (uint32_t i = 0; i < ratings; i++) {
        uint32_t words[4];
        cps_random_block(7, CPS_RANDOM_TEST + 2, i, words);
        uint32_t user = 1 + words[0] % set->users;
        struct cps_dataset *shard = &shards[set->worker_of ? set->worker_of[user] : user % workers];
        struct cps_samples *samples = i < set->valid ? &shard->valid : &shard->train;
        samples->user[samples->count] = user;
        samples->movie[samples->count] = 1 + words[1] % set->movies;
        samples->rating[samples->count] = (float)(1 + words[2] % 5);
        samples->index[samples->count++] = i < set->valid ? 0 : i - set->valid;
    }
    return CPS_OK;
}

void cps_free_shards(uint32_t workers, struct cps_dataset *shards)
{
    for (uint32_t w = 0; w < workers; w++)
        for (int part = 0; part < 2; part++) {
            struct cps_samples *samples = part ? &shards[w].valid : &shards[w].train;
            free(samples->user);
            free(samples->movie);
            free(samples->rating);
            free(samples->index);
        }
}
