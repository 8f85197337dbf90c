/* A dataset -> movies by user, in a model's rows; see rated.h. */
#include "common/inference/rated.h"

#include <stdlib.h>

#include "common/base/memory.h"
#include "common/store/id_index.h"

void cps_row_map_release(struct cps_row_map *self)
{
    free(self->user);
    free(self->movie);
    *self = (struct cps_row_map){0};
}

/* Maps rows unknown to the model to row 0, '#na#'. */
static enum cps_status map_rows(const struct cps_row_names *names, bool by_title,
                                const struct cps_vocabulary *vocabulary, uint32_t **out, uint32_t *unknown)
{
    CPS_TRY(cps_id_index_match(names, by_title, vocabulary, out));
    (*out)[0] = 0;
    for (uint32_t row = 1; row < vocabulary->rows; row++) {
        if ((*out)[row] != CPS_ROW_NONE)
            continue;
        (*out)[row] = 0;
        ++*unknown;
    }
    return CPS_OK;
}

enum cps_status cps_row_map_build(const struct cps_trained *model, const struct cps_dataset *dataset,
                                  struct cps_row_map *out)
{
    struct cps_row_map self = {0};
    enum cps_status status = map_rows(&model->users, false, &dataset->users, &self.user, &self.unknown_users);
    if (status == CPS_OK)
        status = map_rows(&model->movies, dataset->titled, &dataset->movies, &self.movie, &self.unknown_movies);
    if (status != CPS_OK) {
        cps_row_map_release(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_rated_release(struct cps_rated *self)
{
    free(self->first);
    free(self->movie);
    free(self->user_counts);
    free(self->movie_counts);
    *self = (struct cps_rated){0};
}

static void count(const struct cps_samples *samples, const struct cps_row_map *map, struct cps_rated *self,
                  bool training)
{
    for (uint64_t i = 0; i < samples->count; i++) {
        uint32_t user = map->user[samples->user[i]], movie = map->movie[samples->movie[i]];
        self->first[user + 1]++;
        self->user_counts[user] += training;
        self->movie_counts[movie] += training;
    }
}

/* next[u] is the index of user u's next movie. */
static void place(const struct cps_samples *samples, const struct cps_row_map *map, uint64_t *next,
                  uint32_t *movie)
{
    for (uint64_t i = 0; i < samples->count; i++)
        movie[next[map->user[samples->user[i]]]++] = map->movie[samples->movie[i]];
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum cps_status fill(struct cps_rated *self, const struct cps_trained *model,
                            const struct cps_dataset *dataset, const struct cps_row_map *map)
{
    uint32_t users = model->plan.user_rows;
    uint64_t *next;
    CPS_TRY(cps_alloc("users", (size_t)users + 1, sizeof *self->first, &self->first));
    CPS_TRY(cps_alloc("users", users, sizeof *self->user_counts, &self->user_counts));
    CPS_TRY(cps_alloc("movies", model->plan.movie_rows, sizeof *self->movie_counts, &self->movie_counts));
    count(&dataset->train, map, self, true);
    count(&dataset->valid, map, self, false);
    for (uint32_t user = 0; user < users; user++)
        self->first[user + 1] += self->first[user];
    CPS_TRY(cps_alloc("rated movies", (size_t)self->first[users], sizeof *self->movie, &self->movie));
    CPS_TRY(cps_alloc("users", users, sizeof *next, &next));
    for (uint32_t user = 0; user < users; user++)
        next[user] = self->first[user];
    place(&dataset->train, map, next, self->movie);
    place(&dataset->valid, map, next, self->movie);
    free(next);
    for (uint32_t user = 0; user < users; user++)
        qsort(self->movie + self->first[user], (size_t)(self->first[user + 1] - self->first[user]),
              sizeof *self->movie, ascending);
    return CPS_OK;
}

enum cps_status cps_rated_build(const struct cps_trained *model, const struct cps_dataset *dataset,
                                const struct cps_row_map *map, struct cps_rated *out)
{
    struct cps_rated self = {0};
    enum cps_status status = fill(&self, model, dataset, map);
    if (status != CPS_OK) {
        cps_rated_release(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}
