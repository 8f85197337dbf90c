/* Samples, unique rows and their servers; see gather.h. */
#include "worker/gather.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/model/kernels.h"

enum cps_status cps_key_map_init(struct cps_key_map *self, const struct cps_plan *plan)
{
    *self = (struct cps_key_map){0};
    return cps_alloc("the key map", cps_plan_keys(plan), sizeof *self->entries, &self->entries);
}

void cps_key_map_release(struct cps_key_map *self)
{
    free(self->entries);
    *self = (struct cps_key_map){0};
}

/* Forgets all keys. */
static void key_map_clear(struct cps_key_map *self, uint32_t keys)
{
    if (++self->stamp == 0) {
        memset(self->entries, 0, keys * sizeof *self->entries);
        self->stamp = 1;
    }
}

enum cps_status cps_gather_init(struct cps_gather *self, const struct cps_plan *plan)
{
    *self = (struct cps_gather){.plan = *plan, .stride = (uint32_t)cps_round_up(plan->factors, CPS_LANES)};
    return cps_alloc("the shares of servers", plan->servers, sizeof *self->shares, &self->shares);
}

void cps_gather_release(struct cps_gather *self)
{
    for (uint32_t s = 0; self->shares && s < self->plan.servers; s++)
        free(self->shares[s].places);
    free(self->shares);
    free(self->user);
    free(self->movie);
    free(self->rating);
    free(self->key);
    free(self->hits);
    free(self->rows);
    free(self->bias);
    *self = (struct cps_gather){0};
}

/* Several arrays share one capacity, so each grows from the same old one. */
static enum cps_status make_room_for_samples(struct cps_gather *self, size_t need)
{
    size_t capacity = self->sample_capacity;
    if (need <= capacity)
        return CPS_OK;
    CPS_TRY(cps_grow("gathered samples", &self->user, &capacity, need, sizeof *self->user));
    capacity = self->sample_capacity;
    CPS_TRY(cps_grow("gathered samples", &self->movie, &capacity, need, sizeof *self->movie));
    capacity = self->sample_capacity;
    CPS_TRY(cps_grow("gathered samples", &self->rating, &capacity, need, sizeof *self->rating));
    self->sample_capacity = capacity;
    return CPS_OK;
}

/* Rows are allocated afresh: zero, so that the padding is; their old contents are of no use. */
static enum cps_status make_room_for_rows(struct cps_gather *self, size_t need)
{
    if (need <= self->row_capacity)
        return CPS_OK;
    size_t capacity = need + need / 2;
    free(self->key);
    free(self->hits);
    free(self->rows);
    free(self->bias);
    self->key = self->hits = NULL;
    self->rows = self->bias = NULL;
    self->row_capacity = 0;
    CPS_TRY(cps_alloc("gathered keys", capacity, sizeof *self->key, &self->key));
    CPS_TRY(cps_alloc("gathered hits", capacity, sizeof *self->hits, &self->hits));
    CPS_TRY(cps_alloc("gathered rows", capacity * self->stride, sizeof *self->rows, &self->rows));
    CPS_TRY(cps_alloc("gathered biases", capacity, sizeof *self->bias, &self->bias));
    self->row_capacity = capacity;
    return CPS_OK;
}

/* The place of key among the rows, new or known. */
static uint32_t place_of(struct cps_gather *self, struct cps_key_map *map, uint32_t key)
{
    if (map->entries[key].stamp == map->stamp) {
        uint32_t place = map->entries[key].place;
        self->hits[place]++;
        return place;
    }
    uint32_t place = self->row_count++;
    map->entries[key].stamp = map->stamp;
    map->entries[key].place = place;
    self->key[place] = key;
    self->hits[place] = 1;
    return place;
}

static enum cps_status share_out(struct cps_gather *self)
{
    uint32_t servers = self->plan.servers;
    for (uint32_t s = 0; s < servers; s++)
        self->shares[s].count = self->shares[s].sums = 0;
    for (uint32_t place = 0; place < self->row_count; place++) {
        struct cps_share *share = &self->shares[servers == 1 ? 0 : self->key[place] % servers];
        if (share->count == share->capacity)
            CPS_TRY(cps_grow("a share", &share->places, &share->capacity, share->count + 64,
                             sizeof *share->places));
        share->places[share->count++] = place;
        share->sums += self->hits[place] > 1;
    }
    return CPS_OK;
}

enum { FAR_AHEAD = 64, AHEAD = 8 };

/* A shuffled batch's samples lie all over memory: asks for that of place i + FAR_AHEAD, be
 * it of a later batch, and for the map entries of the one at i + AHEAD, which is here by now. */
static inline void prefetch(const struct cps_gather *self, const struct cps_key_map *map,
                            const struct cps_samples *samples, const uint32_t *chosen, uint64_t known,
                            uint32_t i)
{
    if (!chosen || i + FAR_AHEAD >= known)
        return;
    uint32_t later = chosen[i + FAR_AHEAD], soon = chosen[i + AHEAD];
    __builtin_prefetch(&samples->user[later]);
    __builtin_prefetch(&samples->movie[later]);
    __builtin_prefetch(&samples->rating[later]);
    __builtin_prefetch(&map->entries[samples->user[soon]]);
    __builtin_prefetch(&map->entries[cps_plan_movie_key(&self->plan, samples->movie[soon])]);
}

enum cps_status cps_gather_samples(struct cps_gather *self, struct cps_key_map *map,
                                   const struct cps_samples *samples, const uint32_t *chosen, uint64_t known,
                                   uint32_t count)
{
    size_t most_rows = 2 * (size_t)count, keys = cps_plan_keys(&self->plan);
    CPS_TRY(make_room_for_samples(self, count));
    CPS_TRY(make_room_for_rows(self, most_rows < keys ? most_rows : keys));
    key_map_clear(map, cps_plan_keys(&self->plan));
    self->sample_count = count;
    self->row_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sample = chosen ? chosen[i] : i;
        prefetch(self, map, samples, chosen, known, i);
        self->user[i] = place_of(self, map, samples->user[sample]);
        self->movie[i] = place_of(self, map, cps_plan_movie_key(&self->plan, samples->movie[sample]));
        self->rating[i] = samples->rating[sample];
    }
    return share_out(self);
}

void cps_gather_keys(const struct cps_gather *self, uint32_t server, uint32_t *out)
{
    const struct cps_share *share = &self->shares[server];
    for (uint32_t i = 0; i < share->count; i++)
        out[i] = self->key[share->places[i]];
}

void cps_gather_fill(struct cps_gather *self, uint32_t server, const float *packed)
{
    const struct cps_share *share = &self->shares[server];
    uint32_t factors = self->plan.factors, width = cps_plan_row_width(&self->plan);
    for (uint32_t i = 0; i < share->count; i++, packed += width) {
        uint32_t place = share->places[i];
        memcpy(self->rows + (size_t)place * self->stride, packed, factors * sizeof *packed);
        if (width > factors)
            self->bias[place] = packed[factors];
    }
}
