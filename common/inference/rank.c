/* A model -> the highest scored movies of users; see rank.h. */
#include "common/inference/rank.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum { PANEL = 16, USERS = CPS_RANK_USERS };

/* Half a panel, a register of AVX2. */
typedef float half __attribute__((vector_size(PANEL / 2 * sizeof(float))));
typedef int32_t half_mask __attribute__((vector_size(PANEL / 2 * sizeof(int32_t))));

struct cps_ranker {
    const struct cps_trained *model;
    uint32_t movies, panels, factors;
    float *panel;   /* [panels][factors][PANEL] */
    float *bias;    /* [panels][PANEL] */
    double longest; /* of the movies' factor vectors */
    double largest_bias;
};

/* ---- laying out ---- */

static void lay_out(struct cps_ranker *self)
{
    const struct cps_trained *model = self->model;
    for (uint32_t movie = 0; movie < self->movies; movie++) {
        uint32_t key = cps_plan_movie_key(&model->plan, movie);
        const float *row = cps_trained_row(model, key);
        float *panel = self->panel + (size_t)(movie / PANEL) * self->factors * PANEL + movie % PANEL;
        double squares = 0;
        for (uint32_t j = 0; j < self->factors; j++) {
            panel[(size_t)j * PANEL] = row[j];
            squares += (double)row[j] * row[j];
        }
        self->bias[movie] = model->bias[key];
        self->longest = fmax(self->longest, sqrt(squares));
        self->largest_bias = fmax(self->largest_bias, fabs((double)model->bias[key]));
    }
}

enum cps_status cps_ranker_create(const struct cps_trained *model, struct cps_ranker **out)
{
    struct cps_ranker *self;
    CPS_TRY(cps_alloc("a ranker", 1, sizeof *self, &self));
    self->model = model;
    self->movies = model->plan.movie_rows;
    self->factors = model->plan.factors;
    self->panels = (self->movies + PANEL - 1) / PANEL;
    enum cps_status status = cps_alloc("panels of movies", (size_t)self->panels * self->factors * PANEL,
                                       sizeof(float), &self->panel);
    if (status == CPS_OK)
        status = cps_alloc("biases of movies", (size_t)self->panels * PANEL, sizeof(float), &self->bias);
    if (status != CPS_OK) {
        cps_ranker_destroy(&self);
        return status;
    }
    lay_out(self);
    *out = self;
    return CPS_OK;
}

void cps_ranker_destroy(struct cps_ranker **self)
{
    if (!*self)
        return;
    free((*self)->panel);
    free((*self)->bias);
    free(*self);
    *self = NULL;
}

/* ---- scores of all movies ---- */

/* Compiled for each instruction set and selected at program start. Float scores may differ between them; the
 * ranking does not (rank.h). */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&       \
    !defined(__SANITIZE_THREAD__)
#define FOR_EACH_ISA __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FOR_EACH_ISA
#endif

/* Vectors are passed by pointer, since passing them by value depends on the instruction set. */
static inline __attribute__((always_inline)) void raise_to(half *a, const half *b)
{
    half_mask is_larger = *b > *a;
    *a = (half)(((half_mask)*b & is_larger) | ((half_mask)*a & ~is_larger));
}

static inline __attribute__((always_inline)) float largest(const half *low, const half *high)
{
    half most = *low, turned;
    raise_to(&most, high);
    turned = __builtin_shufflevector(most, most, 4, 5, 6, 7, 0, 1, 2, 3);
    raise_to(&most, &turned);
    turned = __builtin_shufflevector(most, most, 2, 3, 0, 1, 6, 7, 4, 5);
    raise_to(&most, &turned);
    return most[0] > most[1] ? most[0] : most[1];
}

/* Scores of a user of USERS: score[panel][PANEL], and the largest of each panel. */
struct scores {
    float *score, *largest;
};

/* All scores for USERS users; bias [panels][PANEL] is the movies', user_bias the users'. */
FOR_EACH_ISA
static void score_all(const float *restrict panel, const float *restrict bias, uint32_t panels,
                      uint32_t factors, const float *const row[USERS], const float user_bias[USERS],
                      const struct scores out[USERS])
{
    for (uint32_t p = 0; p < panels; p++, panel += (size_t)factors * PANEL) {
        half low[USERS], high[USERS], bias_low, bias_high;
        memcpy(&bias_low, bias + (size_t)p * PANEL, sizeof bias_low);
        memcpy(&bias_high, bias + (size_t)p * PANEL + PANEL / 2, sizeof bias_high);
        for (int u = 0; u < USERS; u++) {
            low[u] = bias_low + user_bias[u];
            high[u] = bias_high + user_bias[u];
        }
        for (uint32_t j = 0; j < factors; j++) {
            half factor_low, factor_high;
            memcpy(&factor_low, panel + (size_t)j * PANEL, sizeof factor_low);
            memcpy(&factor_high, panel + (size_t)j * PANEL + PANEL / 2, sizeof factor_high);
            for (int u = 0; u < USERS; u++) {
                low[u] += factor_low * row[u][j];
                high[u] += factor_high * row[u][j];
            }
        }
        for (int u = 0; u < USERS; u++) {
            memcpy(out[u].score + (size_t)p * PANEL, &low[u], sizeof low[u]);
            memcpy(out[u].score + (size_t)p * PANEL + PANEL / 2, &high[u], sizeof high[u]);
            out[u].largest[p] = largest(&low[u], &high[u]);
        }
    }
}

size_t cps_ranker_scratch_floats(const struct cps_ranker *self)
{
    return (size_t)self->panels * (PANEL + 1) * USERS;
}

/* ---- the highest ---- */

/* A heap of the k highest scores so far, the least of them on top. */
struct heap {
    float *score;
    uint32_t count, k;
};

static void sink(struct heap *heap, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count)
            return;
        if (child + 1 < heap->count && heap->score[child + 1] < heap->score[child])
            child++;
        if (heap->score[at] <= heap->score[child])
            return;
        float swap = heap->score[at];
        heap->score[at] = heap->score[child];
        heap->score[child] = swap;
        at = child;
    }
}

static void rise(struct heap *heap, uint32_t at)
{
    while (at > 0 && heap->score[at] < heap->score[(at - 1) / 2]) {
        float swap = heap->score[at];
        heap->score[at] = heap->score[(at - 1) / 2];
        heap->score[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

static void keep(struct heap *heap, float score)
{
    if (heap->count < heap->k) {
        heap->score[heap->count] = score;
        rise(heap, heap->count++);
    } else if (score > heap->score[0]) {
        heap->score[0] = score;
        sink(heap, 0);
    }
}

/* The k-th highest score, or the lowest if there are fewer. Skips panels whose largest score is too low. */
static float least_of_highest(const struct cps_ranker *self, const struct scores *scores, struct heap *heap)
{
    for (uint32_t p = 0; p < self->panels; p++) {
        if (heap->count == heap->k && scores->largest[p] <= heap->score[0])
            continue;
        uint32_t end = (p + 1) * PANEL < self->movies ? (p + 1) * PANEL : self->movies;
        for (uint32_t movie = p * PANEL; movie < end; movie++)
            keep(heap, scores->score[movie]);
    }
    return heap->score[0];
}

/* A bound on the rounding error of a float score: the products and sums of a dot product of n terms
 * round n times (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), two more for the biases. */
static double rounding(const struct cps_ranker *self, const struct cps_rank_user *user)
{
    double squares = 0;
    for (uint32_t j = 0; j < self->factors; j++)
        squares += (double)user->row[j] * user->row[j];
    double size = sqrt(squares) * self->longest + fabs((double)user->bias) + self->largest_bias;
    return 1.01 * (self->factors + 3.0) * (FLT_EPSILON / 2) * size + FLT_MIN;
}

/* Whether a ranks before b. */
static bool is_better(const struct cps_ranked *a, const struct cps_ranked *b)
{
    return a->score > b->score || (a->score == b->score && a->movie_row < b->movie_row);
}

/* Inserts candidate into the ordered list of at most k best. */
static void insert(struct cps_rank_user *user, uint32_t k, struct cps_ranked candidate)
{
    uint32_t at = user->count;
    if (at == k) {
        if (!is_better(&candidate, &user->best[k - 1]))
            return;
        at--;
    } else {
        user->count++;
    }
    for (; at > 0 && is_better(&candidate, &user->best[at - 1]); at--)
        user->best[at] = user->best[at - 1];
    user->best[at] = candidate;
}

/* Rescores the movies whose float score is at least bound, and orders them. */
static void order(const struct cps_ranker *self, uint32_t k, struct cps_rank_user *user,
                  const struct scores *scores, float bound)
{
    user->count = 0;
    for (uint32_t p = 0; p < self->panels; p++) {
        if (scores->largest[p] < bound)
            continue;
        uint32_t end = (p + 1) * PANEL < self->movies ? (p + 1) * PANEL : self->movies;
        for (uint32_t movie = p * PANEL; movie < end; movie++)
            if (scores->score[movie] >= bound && scores->score[movie] > -INFINITY)
                insert(user, k,
                       (struct cps_ranked){movie,
                                           cps_trained_exact_score(self->model, user->row, user->bias, movie)});
    }
}

static enum cps_status pick(const struct cps_ranker *self, uint32_t k, struct cps_rank_user *user,
                            const struct scores *scores)
{
    struct heap heap = {.k = k};
    scores->score[0] = -INFINITY; /* '#na#' */
    for (size_t i = 0; i < user->without_count; i++)
        scores->score[user->without[i]] = -INFINITY;
    CPS_TRY(cps_alloc("the highest scores", k, sizeof *heap.score, &heap.score));
    float least = least_of_highest(self, scores, &heap);
    free(heap.score);
    order(self, k, user, scores, nextafterf((float)((double)least - 2 * rounding(self, user)), -INFINITY));
    return CPS_OK;
}

enum cps_status cps_ranker_top(const struct cps_ranker *self, uint32_t k, struct cps_rank_user *users,
                               size_t count, float *scratch)
{
    const float *row[USERS];
    float bias[USERS];
    struct scores scores[USERS];
    for (size_t i = 0; i < USERS; i++) {
        row[i] = users[i < count ? i : 0].row;
        bias[i] = users[i < count ? i : 0].bias;
        scores[i].score = scratch + i * self->panels * (PANEL + 1);
        scores[i].largest = scores[i].score + (size_t)self->panels * PANEL;
    }
    score_all(self->panel, self->bias, self->panels, self->factors, row, bias, scores);
    if (k > self->movies)
        k = self->movies;
    for (size_t i = 0; i < count; i++) {
        users[i].count = 0;
        if (k)
            CPS_TRY(pick(self, k, &users[i], &scores[i]));
    }
    return CPS_OK;
}
