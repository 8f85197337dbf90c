/* Samples, unique rows and their servers; see gather.h. */
#include "worker/gather.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/model/blocks.h"
#include "common/model/kernels.h"
#include "common/net/message.h"

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

/* Removes all keys. */
static void key_map_clear(struct cps_key_map *self, uint32_t keys)
{
    if (++self->stamp == 0) {
        memset(self->entries, 0, keys * sizeof *self->entries);
        self->stamp = 1;
    }
}

enum cps_status cps_gather_init(struct cps_gather *self, const struct cps_plan *plan, struct cps_team *team)
{
    *self = (struct cps_gather){
        .plan = *plan, .team = team, .stride = (uint32_t)cps_round_up(plan->factors, CPS_LANES)};
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
    free(self->at);
    free(self->form);
    free(self->rows);
    free(self->bias);
    *self = (struct cps_gather){0};
}

/* Several arrays share one capacity, so all of them grow from the same old capacity. */
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

/* Rows are newly allocated and zeroed, because the padding must be zero; their old contents are not needed. */
static enum cps_status make_room_for_rows(struct cps_gather *self, size_t need)
{
    if (need <= self->row_capacity)
        return CPS_OK;
    size_t capacity = need + need / 2;
    free(self->key);
    free(self->hits);
    free(self->at);
    free(self->form);
    free(self->rows);
    free(self->bias);
    self->key = self->hits = self->at = NULL;
    self->form = NULL;
    self->rows = self->bias = NULL;
    self->row_capacity = 0;
    CPS_TRY(cps_alloc("gathered keys", capacity, sizeof *self->key, &self->key));
    CPS_TRY(cps_alloc("gathered hits", capacity, sizeof *self->hits, &self->hits));
    CPS_TRY(cps_alloc("places in shares", capacity, sizeof *self->at, &self->at));
    CPS_TRY(cps_alloc("forms of gradients", capacity, sizeof *self->form, &self->form));
    CPS_TRY(cps_alloc("gathered rows", capacity * self->stride, sizeof *self->rows, &self->rows));
    CPS_TRY(cps_alloc("gathered biases", capacity, sizeof *self->bias, &self->bias));
    self->row_capacity = capacity;
    return CPS_OK;
}

/* Up to this number of samples a server computes and adds up the gradients of a row itself. */
enum { MOST_SCALED = 4 };

/* Chooses the form of every row's gradient as far as it depends only on the number of its samples. */
static void choose_forms(struct cps_gather *self)
{
    size_t width = cps_plan_row_width(&self->plan);
    size_t single = width * sizeof(float) + sizeof(uint32_t), sum = width * sizeof(int64_t) + sizeof(uint32_t);
    uint8_t of_hits[MOST_SCALED + 1];
    for (uint32_t hits = 1; hits <= MOST_SCALED; hits++) {
        bool small = hits * sizeof(struct cps_scaled) < (hits > 1 ? sum : single);
        of_hits[hits] = small ? CPS_PUSH_SCALED : hits > 1 ? CPS_PUSH_SUM : CPS_PUSH_SINGLE;
    }
    for (uint32_t row = 0; row < self->row_count; row++)
        self->form[row] = self->hits[row] <= MOST_SCALED ? of_hits[self->hits[row]] : CPS_PUSH_SUM;
}

/* Rows whose samples have rows on other servers are pushed as sums or singles: a server multiplies only its
 * own. */
static void set_apart(struct cps_gather *self)
{
    uint32_t servers = self->plan.servers;
    for (uint32_t i = 0; servers > 1 && i < self->sample_count; i++) {
        uint32_t user = self->user[i], movie = self->movie[i];
        if (self->key[user] % servers == self->key[movie] % servers)
            continue;
        self->form[user] = self->hits[user] > 1 ? CPS_PUSH_SUM : CPS_PUSH_SINGLE;
        self->form[movie] = self->hits[movie] > 1 ? CPS_PUSH_SUM : CPS_PUSH_SINGLE;
    }
}

static enum cps_status share_out(struct cps_gather *self)
{
    uint32_t servers = self->plan.servers;
    for (uint32_t s = 0; s < servers; s++)
        self->shares[s].count = self->shares[s].sums = self->shares[s].singles = self->shares[s].scaled = 0;
    for (uint32_t place = 0; place < self->row_count; place++) {
        struct cps_share *share = &self->shares[servers == 1 ? 0 : self->key[place] % servers];
        if (share->count == share->capacity)
            CPS_TRY(cps_grow("a share", &share->places, &share->capacity, share->count + 64,
                             sizeof *share->places));
        self->at[place] = share->count;
        share->places[share->count++] = place;
        share->sums += self->form[place] == CPS_PUSH_SUM;
        share->singles += self->form[place] == CPS_PUSH_SINGLE;
        share->scaled += self->form[place] == CPS_PUSH_SCALED ? self->hits[place] : 0;
    }
    return CPS_OK;
}

/* The samples to gather, and the state of gathering one of their columns. */
struct column {
    const uint32_t *row; /* of the user or movie table */
    uint32_t first_key;
    uint32_t *place;      /* [count] */
    uint32_t *key, *hits; /* of the rows found */
    uint32_t found;
};

struct job {
    struct cps_gather *gather;
    struct cps_key_map *map;
    const float *rating;
    const uint32_t *chosen;
    uint64_t known;
    uint32_t count;
    struct column columns[CPS_TABLES];
};

/* Returns the place of key among the column's rows, adding a row if the key is new. */
static inline uint32_t place_of(struct column *column, struct cps_key_map *map, uint32_t key)
{
    if (map->entries[key].stamp == map->stamp) {
        uint32_t place = map->entries[key].place;
        column->hits[place]++;
        return place;
    }
    uint32_t place = column->found++;
    map->entries[key].stamp = map->stamp;
    map->entries[key].place = place;
    column->key[place] = key;
    column->hits[place] = 1;
    return place;
}

enum { FAR_AHEAD = 64, AHEAD = 8 };

/* The samples of a shuffled batch are scattered in memory: prefetches the sample at place i + FAR_AHEAD, even
 * if it belongs to a later batch, and the map entry of the sample at i + AHEAD, which is in the cache by now.
 */
static inline void prefetch(const struct job *job, const struct column *column, uint32_t i)
{
    if (!job->chosen || i + FAR_AHEAD >= job->known)
        return;
    uint32_t later = job->chosen[i + FAR_AHEAD], soon = job->chosen[i + AHEAD];
    __builtin_prefetch(&column->row[later]);
    __builtin_prefetch(&job->map->entries[column->first_key + column->row[soon]]);
}

/* Gathers columns first to end - 1 of the samples; in one loop, so that their cache misses overlap. */
static inline void gather_columns(struct job *job, uint32_t first, uint32_t end)
{
    for (uint32_t i = 0; i < job->count; i++) {
        uint64_t sample = job->chosen ? job->chosen[i] : i;
        for (uint32_t table = first; table < end; table++) {
            struct column *column = &job->columns[table];
            prefetch(job, column, i);
            column->place[i] = place_of(column, job->map, column->first_key + column->row[sample]);
        }
    }
}

/* The ratings are gathered together with the movies, because fewer movies than users are new. */
static void gather_ratings(const struct job *job)
{
    float *rating = job->gather->rating;
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->chosen && i + FAR_AHEAD < job->known)
            __builtin_prefetch(&job->rating[job->chosen[i + FAR_AHEAD]]);
        rating[i] = job->rating[job->chosen ? job->chosen[i] : i];
    }
}

/* The two columns have no key in common and may be gathered in parallel. */
static void gather_piece(void *context, uint32_t table, uint32_t thread)
{
    (void)thread;
    gather_columns(context, table, table + 1);
    if (table == CPS_TABLE_MOVIES)
        gather_ratings(context);
}

static void gather_all(struct cps_gather *self, struct job *job)
{
    if (cps_team_pieces(self->team, job->count) > 1) {
        cps_team_run(self->team, CPS_TABLES, gather_piece, job);
        return;
    }
    gather_columns(job, 0, CPS_TABLES);
    gather_ratings(job);
}

/* Appends the movies directly after the users. */
static void close_up(struct cps_gather *self, struct job *job)
{
    const struct column *movies = &job->columns[CPS_TABLE_MOVIES];
    uint32_t users = job->columns[CPS_TABLE_USERS].found;
    if (movies->found) {
        memmove(self->key + users, movies->key, movies->found * sizeof *self->key);
        memmove(self->hits + users, movies->hits, movies->found * sizeof *self->hits);
    }
    for (uint32_t i = 0; i < job->count; i++)
        self->movie[i] += users;
    self->row_count = users + movies->found;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

enum cps_status cps_gather_samples(struct cps_gather *self, struct cps_key_map *map,
                                   const struct cps_samples *samples, const uint32_t *chosen, uint64_t known,
                                   uint32_t count)
{
    const struct cps_plan *plan = &self->plan;
    uint32_t most_users = least(count, plan->user_rows), most_movies = least(count, plan->movie_rows);
    CPS_TRY(make_room_for_samples(self, count));
    CPS_TRY(make_room_for_rows(self, (size_t)most_users + most_movies));
    key_map_clear(map, cps_plan_keys(plan));
    self->sample_count = count;
    struct job job = {
        .gather = self,
        .map = map,
        .rating = samples->rating,
        .chosen = chosen,
        .known = known,
        .count = count,
        .columns = {[CPS_TABLE_USERS] = {samples->user, 0, self->user, self->key, self->hits, 0},
                    [CPS_TABLE_MOVIES] = {samples->movie, cps_plan_movie_key(plan, 0), self->movie,
                                          self->key + most_users, self->hits + most_users, 0}}};
    gather_all(self, &job);
    close_up(self, &job);
    choose_forms(self);
    set_apart(self);
    return share_out(self);
}

void cps_gather_keys(const struct cps_gather *self, uint32_t server, uint32_t *out)
{
    const struct cps_share *share = &self->shares[server];
    for (uint32_t i = 0; i < share->count; i++)
        out[i] = self->key[share->places[i]];
}

struct filling {
    struct cps_gather *gather;
    const struct cps_share *share;
    const float *packed;
    uint32_t pieces;
};

static void fill_piece(void *context, uint32_t piece, uint32_t thread)
{
    const struct filling *filling = context;
    struct cps_gather *self = filling->gather;
    uint32_t factors = self->plan.factors, width = cps_plan_row_width(&self->plan);
    size_t first, end;
    (void)thread;
    cps_team_slice(filling->share->count, filling->pieces, piece, &first, &end);
    const float *packed = filling->packed + first * width;
    for (size_t i = first; i < end; i++, packed += width) {
        uint32_t place = filling->share->places[i];
        memcpy(self->rows + (size_t)place * self->stride, packed, factors * sizeof *packed);
        if (width > factors)
            self->bias[place] = packed[factors];
    }
}

void cps_gather_fill(struct cps_gather *self, uint32_t server, const float *packed)
{
    const struct cps_share *share = &self->shares[server];
    struct filling filling = {
        .gather = self, .share = share, .packed = packed, .pieces = cps_team_pieces(self->team, share->count)};
    cps_team_run(self->team, filling.pieces, fill_piece, &filling);
}
